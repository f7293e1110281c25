"""Name a flaw in a few words, from its record."""

from __future__ import annotations

from stages import tools
from stages.models.explainer.nouns import another
from stages.records.documents import Variant
from stages.tools.aspects.words import WordsAspect


def describe_label(variant: Variant) -> str:
    """Return the label of a flaw, without article and in lower case: ``extra left eye``."""
    part, other = variant.part_name, variant.other_name or ""
    words = tools.aspect(variant.tool, WordsAspect)
    label = (words.positional_label if variant.positional else "") or words.label
    slots = {"part": part, "entity": variant.entity_name}
    return label.format(other=another(other) if other == part else other, **slots).lower()
