"""Translate a variant's facts to the slots and conditions of the grammar's rules."""

from __future__ import annotations

import numpy as np

from stages import tools
from stages.models.explainer import claims, nouns, phrases
from stages.models.explainer.grammar.knowledge import find_kind, name_norm
from stages.models.perceiver.things.names import UNSURE
from stages.records.documents import Variant
from stages.tools.aspects.words import WordsAspect

_VERB = {True: {"s": "", "es": "", "has": "have", "is": "are", "do": "do"},
         False: {"s": "s", "es": "s", "has": "has", "is": "is", "do": "does"}}  # fmt: skip
_CONDITION = {"part": "frompart", "entity": "fromself", "other": "fromthing",
              "surroundings": "fromaround"}  # fmt: skip


def choose_names(variant: Variant, rng: np.random.Generator) -> Variant:
    """Return the variant with names drawn for parts of which only the position is known: ``top``
    for ``upper part``."""

    def choose(name: str | None) -> str | None:
        names = claims.names_of_part(variant, name) if name else (name,)
        return names[int(rng.integers(len(names)))]

    names = {"part_name": choose(variant.part_name), "other_name": choose(variant.other_name)}
    return variant.model_copy(update=names) if variant.positional else variant


def pair_phrases(variant: Variant) -> tuple[str, str, str]:
    """Return phrases for a flaw of two parts or entities: the second one, both with their entity,
    and both without it."""
    part, entity, other = variant.part_name, variant.entity_name, f"the {variant.other_name}"
    if variant.other_name == part or (variant.other_name == entity and not variant.within_entity):
        other = nouns.another(variant.other_name or "")
    both = f"the {part} of the {entity} and {other}"
    if variant.within_entity:
        both = f"the {part} and {other} of the {entity}"
    only = both.removesuffix(f" of the {entity}")
    if variant.part == variant.entity:
        both = f"the {entity} and {other}"
    return other, both, only


def slots(variant: Variant) -> dict[str, str]:
    """Return the grammar's slots with the facts of a variant."""
    part, entity, facts = variant.part_name, variant.entity_name, variant.facts
    plural = nouns.is_plural(part)
    p, e = _VERB[plural], _VERB[nouns.is_plural(entity)]
    other, both, only = pair_phrases(variant)
    many = nouns.is_plural(variant.other_name or "")
    place = phrases.PLACES.get(facts.get("place", ""), "")
    kind = find_kind(variant)
    owner, number = name_norm(variant, kind) if kind and kind.number else ("", "")
    noun = (kind.noun if kind else "") or variant.part_kind
    return {
        "part": part, "entity": entity, "owners": f"the {nouns.possessive(entity)}",
        "kind": variant.part_kind, "kinds": nouns.plural(variant.part_kind),
        "s": p["s"], "es": e["es"], "has": p["has"], "ehas": e["has"],
        "is": p["is"], "is_e": e["is"], "do": p["do"], "do_e": e["do"],
        "a_part": nouns.indefinite(part), "a_kind": nouns.indefinite(noun),
        "real_part": nouns.indefinite(noun, "real"),
        "an_entity": nouns.indefinite(entity), "real_entity": nouns.indefinite(entity, "real"),
        "owner": owner, "number": number, "where": kind.where if kind else "",
        "details": kind.details if kind else "",
        "it": "them" if plural else "it", "its": "their" if plural else "its",
        "itself": "themselves" if plural else "itself",
        "it_is": "they are" if plural else "it is",
        "it_was": "they were" if plural else "it was", "pl": "s" if plural else "",
        "kernel": variant.kernel, "other": other, "pair": both, "pair_only": only,
        "other_bare": variant.other_name or "",
        "os": "" if many else "s",
        "direction": phrases.direction_words(facts.get("direction")),
        "in_place": place, "in_place_of_image": place.replace("picture", "image"),
        "size": facts.get("size", ""),
        "viewer": facts.get("viewer_side", ""),
        "count": nouns.NUMBERS[facts["count"]] if "count" in facts else "",
        "from": phrases.source_words(facts.get("source_direction")),
        "source": facts.get("source", ""),
        "strips": phrases.STRIPS.get(facts.get("strips", ""), ""),
        "sense": facts.get("sense", ""),
    }  # fmt: skip


def conditions(variant: Variant) -> set[str]:
    """Return the conditions of the grammar that a variant meets.

    ``one``, ``many`` or ``mass``: the part is singular, plural or uncountable. ``entity``: the part
    is the entity itself, else ``part``. ``placed``: only the position of the part is known, else
    ``named``. ``known``: the entity has a name of its own. ``apart``: two entities are fused;
    ``inside``: two parts of one, with different names. ``norm``, ``real``, ``where``: it is known
    how many such parts real owners have, what a real one looks like, where it is; ``details``: what
    is inside it. ``kernel``: the tool has sentences for the kernel. ``dir``: the direction is
    known, else ``nodir``. ``place``, ``size``, ``side``, ``count``, ``strips``, ``sense``: the fact
    is known; ``little`` or ``large``, ``piece``, ``half`` or ``most``: its value. ``fromdir``,
    ``frompart``, ``fromself``, ``fromthing``, ``fromaround``: where the texture that replaces a
    removed part comes from; ``fromnowhere``: not known.
    """
    facts, tags = variant.facts, set[str]()
    if nouns.is_plural(variant.part_name):
        tags.add("many")
    else:
        tags.add("mass" if nouns.is_mass(variant.part_name) else "one")
    tags.add("entity" if variant.part == variant.entity else "part")
    tags.add("dir" if facts.get("direction") else "nodir")
    if variant.entity_name != UNSURE:
        tags.add("known")
    tags.add("placed" if variant.positional else "named")
    if not variant.within_entity:
        tags.add("apart")
    elif variant.other_name != variant.part_name:
        tags.add("inside")
    if (kind := find_kind(variant)) is not None:
        known = {"norm": kind.number, "real": kind.real, "where": kind.where}
        known["details"] = kind.details
        tags |= {name for name, value in known.items() if value}
    if f"how_{variant.kernel}" in tools.aspect(variant.tool, WordsAspect).rules:
        tags.add("kernel")
    tags |= {name for name in ("place", "size", "count", "strips", "sense") if name in facts}
    if "viewer_side" in facts and not nouns.is_plural(variant.part_kind):
        tags.add("side")
    if "size" in facts:
        tags.add("large" if facts["size"] == "large" else "little")
    tags |= {str(facts["extent"])} if "extent" in facts else set()
    tags |= {"fromdir"} if "source_direction" in facts else set()
    tags |= {_CONDITION[facts["source_kind"]]} if "source_kind" in facts else set()
    if not {"source_direction", "source_kind"} & set(facts):
        tags.add("fromnowhere")
    return tags
