"""Translate a variant's facts to the slots and conditions of the grammar's rules."""

from __future__ import annotations

from stages import tools
from stages.models.explainer import nouns, phrases
from stages.models.explainer.grammar.knowledge import find_kind, name_norm, name_surface
from stages.models.perceiver.things.names import UNSURE
from stages.records.documents import Variant
from stages.tools.aspects.words import WordsAspect

_VERB = {True: {"s": "", "has": "have", "is": "are"}, False: {"s": "s", "has": "has", "is": "is"}}
_CONDITION = {"part": "frompart", "entity": "fromself", "other": "fromthing",
              "surroundings": "fromaround"}  # fmt: skip
_FACIAL = frozenset({"eye", "eyebrow", "nose", "mouth"})


def pair_phrases(variant: Variant) -> tuple[str, str]:
    """Return phrases for a flaw of two parts or entities: the second one, and both with their
    entity."""
    part, entity, other = variant.part_name, variant.entity_name, f"the {variant.other_name}"
    if variant.other_name == part or (variant.other_name == entity and not variant.within_entity):
        other = nouns.another(variant.other_name or "")
    if variant.part == variant.entity:
        return other, f"the {entity} and {other}"
    if variant.within_entity:
        return other, f"the {part} and {other} of the {entity}"
    return other, f"the {part} of the {entity} and {other}"


def slots(variant: Variant) -> dict[str, str]:
    """Return the grammar's slots with the facts of a variant. Verbs agree with the part, or with
    the entity if only the position of the part is known."""
    part, entity, facts = variant.part_name, variant.entity_name, variant.facts
    plural = nouns.is_plural(entity if variant.positional else part)
    p, e = _VERB[plural], _VERB[nouns.is_plural(entity)]
    other, both = pair_phrases(variant)
    place = phrases.PLACES.get(facts.get("place", ""), "")
    kind = find_kind(variant)
    owner, number = name_norm(variant, kind) if kind else ("", "")
    noun = (kind.noun if kind else "") or variant.part_kind
    real_entity = nouns.indefinite(entity, "real")
    return {
        "part": part, "entity": entity, "owners": f"the {nouns.possessive(entity)}",
        "kind": variant.part_kind, "kinds": nouns.plural(variant.part_kind), "noun": noun,
        "s": p["s"], "has": p["has"], "is": p["is"], "ehas": e["has"], "is_e": e["is"],
        "a_part": nouns.indefinite(part), "a_kind": nouns.indefinite(noun),
        "real_part": nouns.indefinite(noun, "real"),
        "real_human_part": nouns.indefinite(noun, "real human"),
        "real_entity": real_entity, "real_owners": nouns.possessive(real_entity),
        "owner": owner, "number": number, "where": kind.where if kind else "",
        "details": kind.details if kind else "", "surface": name_surface(entity),
        "pl": "s" if plural else "",
        "kernel": variant.kernel, "other": other, "pair": both,
        "other_bare": variant.other_name or "",
        "direction": phrases.direction_words(facts.get("direction")),
        "in_place": place, "in_place_of_image": place.replace("picture", "image"),
        "size": facts.get("size", ""),
        "count": nouns.NUMBERS[facts["count"]] if "count" in facts else "",
        "source": facts.get("source", ""),
        "strips": phrases.STRIPS.get(facts.get("strips", ""), ""),
    }  # fmt: skip


def conditions(variant: Variant) -> set[str]:
    """Return the conditions of the grammar that a variant meets.

    ``one``, ``many`` or ``mass``: the part is singular, plural or uncountable. ``entity``: the
    part is the entity itself, else ``part``. ``placed``: only the position of the part is
    known, else ``named``. ``known``: the entity has a name of its own. ``bare``: the text need
    not name the entity, since the part is a person's; ``owned``: the part has a name and its
    entity too; ``like``: any of what a real one is called. ``facial``, ``head``, ``limb``: the
    person's part belongs to the face, the head, the body; ``others``: it is not a person's.
    ``inside``: two parts of one entity are fused, with different names. ``norm``, ``several``,
    ``real``, ``where``, ``details``: it is known how many such parts real owners have, that
    they have more than one, what a real one looks like, where it is, what is inside it;
    ``people``: that number is a person's. ``surface``: the position of the part is known, and
    what covers the entity. ``kernel``: the tool has sentences for the kernel. ``dir``: the
    direction is known; ``straight``: it is not diagonal. ``place``, ``count``, ``strips``: the
    fact is known; ``little`` or ``large``, ``piece``, ``half`` or ``most``: the value of the
    size and of the extent. ``frompart``, ``fromself``, ``fromthing``, ``fromaround``: what the
    texture that replaces a removed part shows; ``fromnowhere``: not known.
    """
    facts, positional = variant.facts, variant.positional
    known, own_part = variant.entity_name != UNSURE, variant.part != variant.entity
    found = {
        "placed" if positional else "named": True,
        "part" if own_part else "entity": True,
        "known": known,
        "owned": known and own_part and not positional,
        "inside": variant.within_entity and variant.other_name != variant.part_name,
        "surface": positional and bool(name_surface(variant.entity_name)),
        "kernel": f"how_{variant.kernel}" in tools.aspect(variant.tool, WordsAspect).rules,
        "dir": bool(facts.get("direction")),
        "straight": facts.get("direction") in ("above", "below", "left", "right"),
        "little": facts.get("size") in ("tiny", "small"),
        "large": facts.get("size") == "large",
        _count_noun(variant.part_name): True,
        _CONDITION.get(facts.get("source_kind", ""), "fromnowhere"): True,
    }
    found |= {name: name in facts for name in ("place", "count", "strips")}
    found |= {str(facts["extent"]): True} if "extent" in facts else {}
    if (kind := find_kind(variant)) is not None:
        found |= {"norm": True, "several": kind.number > 1, "real": bool(kind.real)}
        found |= {"where": bool(kind.where), "details": bool(kind.details)}
    if nouns.is_person(variant.entity_name) and own_part and not positional:
        facial = variant.part_kind in _FACIAL
        head = variant.part_kind in ("ear", "face", "head")
        found |= {"bare": True, "facial": facial, "head": head, "limb": not (facial or head)}
        found["people"] = kind is not None and not kind.owner
    found["others"] = not found.get("bare", False)
    found["like"] = known or found.get("bare", False)
    return {name for name, met in found.items() if met}


def _count_noun(noun: str) -> str:
    if nouns.is_plural(noun):
        return "many"
    return "mass" if nouns.is_mass(noun) else "one"
