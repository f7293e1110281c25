"""What a flaw should look like, in words for a model that judges or explains it."""

from __future__ import annotations

from stages import tools
from stages.models.explainer.nouns import another
from stages.models.explainer.phrases import direction_words
from stages.records.documents import Variant
from stages.tools.aspects.briefing import BriefingAspect


def intent(variant: Variant) -> str:
    """What a flaw should look like, in a sentence."""
    return tools.aspect(variant.tool, BriefingAspect).intent.format(
        part=_part(variant),
        where=direction_words(variant.facts.get("direction")) or "close to",
        other=_other(variant),
    )


def _part(variant: Variant) -> str:
    if variant.part == variant.entity:
        return f"the {variant.entity_name}"
    return f"the {variant.part_name} of the {variant.entity_name}"


def _other(variant: Variant) -> str:
    if variant.within_entity:
        return f"its {variant.other_name}"
    same = variant.other_name == variant.entity_name
    return another(variant.other_name or "") if same else f"the {variant.other_name}"
