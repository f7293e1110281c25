"""Convert what a perceiver found to the records of a scene."""

from __future__ import annotations

from stages.models.perceiver.regions import Region, Thing, masks_touch
from stages.records.documents import Entity, Part
from stages.records.masks import bounding_box, encode
from stages.tools.aspects.parts import (
    BOTH,
    CENTRAL,
    PERIPHERAL,
    Position,
    tools_for,
    tools_for_touching,
)

POSITIONS: dict[str, Position] = {
    "face": CENTRAL, "head": CENTRAL, "torso": CENTRAL, "neck": CENTRAL, "part": CENTRAL,
    "eye": BOTH, "eyebrow": BOTH, "nose": BOTH, "mouth": BOTH,
}  # fmt: skip
"""Kind of part to its position; any other kind is peripheral."""


def build_entities(found: list[Thing], area: tuple[float, float]) -> list[Entity]:
    """Convert things to records, without parts whose area is outside the band `area` (minimum and
    maximum share of the photo)."""
    kept = []
    for thing in found:
        regions = [r for r in thing.regions if area[0] <= float(r.mask.mean()) <= area[1]]
        kept.append((thing, regions))
    return [
        Entity(
            id=f"e{n}",
            name=thing.name,
            score=round(thing.score, 4),
            box=bounding_box(thing.mask),
            mask=encode(thing.mask),
            parts=[
                _build_part(f"e{n}.p{i}", region, _touches(region, n, kept))
                for i, region in enumerate(regions)
            ],
        )
        for n, (thing, regions) in enumerate(kept)
    ]


def _build_part(name: str, region: Region, touches: bool) -> Part:
    own = region.tools or tools_for(POSITIONS.get(region.kind, PERIPHERAL))
    return Part(
        id=name,
        name=region.name,
        kind=region.kind,
        positional=region.positional,
        score=round(min(max(region.score, 0.0), 1.0), 4),
        box=bounding_box(region.mask),
        mask=encode(region.mask),
        tools=[*own, *(tools_for_touching() if touches else ())],
    )


def _touches(region: Region, entity: int, found: list[tuple[Thing, list[Region]]]) -> bool:
    """Return whether a part touches another entity, or another part of its own entity."""
    gap = max(2, max(region.mask.shape) // 128)
    for n, (thing, regions) in enumerate(found):
        if n != entity and masks_touch(region.mask, thing.mask, gap):
            return True
        if n == entity and any(
            other is not region and masks_touch(region.mask, other.mask, gap) for other in regions
        ):
            return True
    return False
