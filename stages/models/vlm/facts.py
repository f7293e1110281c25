"""What the record knows of a flaw, in words for a model: the ground truth of its prompts."""

from __future__ import annotations

from stages.engine.record import Variant
from stages.models.grammar.explainer import GrammarExplainer
from stages.models.grammar.phrases import direction_words

_KINDS = {
    "add": "a duplicated part",
    "remove": "a missing part",
    "distort": "a distorted part",
    "fuse": "two things blended into each other",
}


def intent(variant: Variant) -> str:
    """What a flaw should look like, in a sentence."""
    part = _part(variant)
    if variant.tool == "add":
        where = direction_words(variant.facts.get("direction")) or "close to"
        return f"an extra copy of {part} was put {where} the original."
    if variant.tool == "remove":
        return f"{part} was taken away, and the surroundings continue in its place."
    if variant.tool == "distort":
        return f"the inside of {part} was scrambled, so that its shape no longer makes sense."
    return f"{part} and {_other(variant)} were blended into each other where they touch."


def lines(key: str, variant: Variant, seed: int) -> str:
    """Facts as a list; the grammar's sentence, true by construction, is the last.

    Args:
        key: the photo's.
        variant: the flaw.
        seed: of the grammar.
    """
    facts = [
        f"kind of flaw: {_KINDS[variant.tool]}",
        f"thing: {variant.entity_name}",
        f"part: {variant.part_name}",
        f"what was done: {intent(variant)}",
        f"a true description: {GrammarExplainer(seed).local(key, variant)}",
    ]
    if variant.positional:
        facts.insert(3, "the part is known by its place only: do not guess what it is")
    return "\n".join(f"- {fact}" for fact in facts)


def _part(variant: Variant) -> str:
    if variant.part == variant.entity:
        return f"the {variant.entity_name}"
    return f"the {variant.part_name} of the {variant.entity_name}"


def _other(variant: Variant) -> str:
    if variant.within_entity:
        return f"its {variant.other_name}"
    same = variant.other_name == variant.entity_name
    return f"another {variant.other_name}" if same else f"the {variant.other_name}"
