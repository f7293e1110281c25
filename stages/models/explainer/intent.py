"""What a flaw should look like, in words for a model that judges or explains it."""

from __future__ import annotations

from stages.models.explainer.nouns import another
from stages.models.explainer.phrases import direction_words
from stages.records.documents import Variant


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


def _part(variant: Variant) -> str:
    if variant.part == variant.entity:
        return f"the {variant.entity_name}"
    return f"the {variant.part_name} of the {variant.entity_name}"


def _other(variant: Variant) -> str:
    if variant.within_entity:
        return f"its {variant.other_name}"
    same = variant.other_name == variant.entity_name
    return another(variant.other_name or "") if same else f"the {variant.other_name}"
