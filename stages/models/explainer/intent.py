"""Describe what a flaw should look like, for a model that judges or explains it."""

from __future__ import annotations

from stages import tools
from stages.models.explainer.nouns import another
from stages.models.explainer.phrases import direction_words
from stages.records.documents import Variant
from stages.tools.aspects.briefing import BriefingAspect


def describe_intent(variant: Variant) -> str:
    """Describe in a sentence what a flaw should look like."""
    return tools.aspect(variant.tool, BriefingAspect).intent.format(
        part=_describe_part(variant),
        where=direction_words(variant.facts.get("direction")) or "close to",
        other=_describe_other(variant),
    )


def _describe_part(variant: Variant) -> str:
    if variant.part == variant.entity:
        return f"the {variant.entity_name}"
    return f"the {variant.part_name} of the {variant.entity_name}"


def _describe_other(variant: Variant) -> str:
    if variant.within_entity:
        return f"its {variant.other_name}"
    same = variant.other_name == variant.entity_name
    return another(variant.other_name or "") if same else f"the {variant.other_name}"
