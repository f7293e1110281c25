"""Write what is wrong in a region, by the factory's grammar, from what the inspector found there.

The network does not write. These sentences say what the tool does to the part that lies there: a
stand-in for a vision-language model that looks.
"""

from __future__ import annotations

from collections.abc import Sequence

from stages.models.explainer.grammar.explainer import GrammarExplainer
from stages.models.perceiver.things.names import UNSURE
from stages.records.documents import Box, Entity, Part, Variant

AUTHOR = GrammarExplainer.name
_MIN_OVERLAP = 0.2
"""Minimum intersection over union of a region and a part that the text names."""
_NAMED_ONLY = ("add",)
"""Tools whose sentences need the name of a part: a position cannot be there twice."""


def describe(region: Box, tool: str, entities: Sequence[Entity], key: str) -> tuple[str, str]:
    """Write about a region; return the text about it and the one about the picture.

    Args:
        region: in pixels of the picture.
        tool: what the flaw looks like.
        entities: those of the picture; may be empty.
        key: seeds the choice of words.
    """
    variant = _to_variant(region, tool, entities)
    grammar = GrammarExplainer()
    return grammar.local(key, variant), grammar.overall(key, variant)


def _to_variant(region: Box, tool: str, entities: Sequence[Entity]) -> Variant:
    entity = max(entities, key=lambda e: _overlap(region, e.box)[0], default=None)
    if entity is not None and _overlap(region, entity.box)[0] == 0:
        entity = None
    part = _find_part(region, entity) if entity is not None else None
    name = "part" if part is None else part.name
    return Variant(
        id="v0",
        window="",
        tool=tool,
        kernel="",
        entity="e0",
        entity_name=UNSURE if entity is None else entity.name,
        part="e0.p0",
        part_name=name,
        part_kind=name if part is None else part.kind,
        positional=part is None and tool not in _NAMED_ONLY,
        other="e0.p1" if tool == "fuse" else None,
        other_name="surroundings" if tool == "fuse" else None,
        seed=0,
        targets=[],
        references=[],
    )


def _find_part(region: Box, entity: Entity) -> Part | None:
    """Return the named part that overlaps the region most, if it does so enough."""
    named = [part for part in entity.parts if not part.positional]
    best = max(named, key=lambda part: _overlap(region, part.box)[1], default=None)
    return best if best is not None and _overlap(region, best.box)[1] >= _MIN_OVERLAP else None


def _overlap(a: Box, b: Box) -> tuple[int, float]:
    """Return the intersection of two boxes in pixels, and their intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    total = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - both
    return both, both / total if total else 0.0
