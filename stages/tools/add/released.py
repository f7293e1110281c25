"""add: where the released code puts the copy."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from stages.engine.section import PositiveShare, Section
from stages.records import grid
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import NoMapping, Site


class ArgmaxParams(Section):
    """Params of the kernel ``argmax``."""

    ring_width: int = Field(default=2, ge=1, le=8)
    """Width, in tokens, of the ring around the part in which the copy's centre lies."""
    min_kept: PositiveShare = 0.5
    """Minimum share of the copy inside the window."""
    distance_weight: float = Field(default=0.05, ge=0, le=10)
    """Increase of the score's denominator per token of Manhattan distance."""


def find_centre(part: Grid) -> Indices:
    """Return (2,) the token in the middle of the part's bounding box."""
    at = grid.points(part)
    return (at.min(axis=0) + at.max(axis=0) + 1) // 2


def ring_offsets(part: Grid, width: int) -> Indices:
    """Return the (n, 2) displacements of the part's centre into the ring around it, row by row.

    A token is in the ring if it is farther from the centre than the nearest token of the outline,
    by at most `width` (Manhattan). The outline is the part's tokens with a neighbour, diagonal ones
    included, outside it. Of several nearest tokens the first one counts.
    """
    centre, outside = find_centre(part), grid.points(~part)
    outline = grid.points(grid.square_ring(~part, 1))
    if not len(outline):
        return np.empty((0, 2), dtype=np.int64)
    nearest = outline[grid.manhattan(outside, outline).argmin(axis=1)]
    beyond = abs(outside - centre).sum(axis=1) - abs(nearest - centre).sum(axis=1)
    return outside[(beyond > 0) & (beyond <= width)] - centre


def score(site: Site, targets: Indices, offset: Indices, weight: float) -> float:
    """Score a copy: (3 - part - sibling - entity) / (1 + weight * moved); 0 = not a candidate.

    `part` and `sibling` are the shares of the copy that lie on the part and on the sibling that it
    covers most of. `entity` is the share of the rest of the entity that the copy covers; it must
    not be 0. `moved` is the Manhattan length of `offset`.
    """
    rest = (site.entity & ~site.part).ravel()
    on_entity = float(rest[targets].sum() / max(int(rest.sum()), 1))
    if not on_entity:
        return 0.0
    on_part = float(site.part.ravel()[targets].mean())
    on_sibling = max((float(each.ravel()[targets].mean()) for each in site.each_sibling), default=0)
    return (3 - on_part - on_sibling - on_entity) / (1 + weight * int(abs(offset).sum()))


def best_offset(site: Site, params: ArgmaxParams) -> Indices:
    """Return (2,) the displacement with the highest score; of several, the first one row by row.

    Raises:
        NoMapping: ``no_room`` - no copy stays in the window and covers a token of the entity.
    """
    need = params.min_kept * site.part.sum()
    best, highest = None, 0.0
    for offset in ring_offsets(site.part, params.ring_width):
        targets, _ = grid.displace(site.part, offset)
        if len(targets) >= need:
            found = score(site, targets, offset, params.distance_weight)
            if found > highest:
                best, highest = offset, found
    if best is None:
        raise NoMapping("no_room")
    return best
