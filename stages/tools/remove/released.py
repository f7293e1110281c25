"""remove: what the released code fills the part from."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Section, Share
from stages.records import grid
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import NoMapping, Site


class ClosestParams(Section):
    """Params of the kernel ``closest``."""

    ring_width: int = Field(default=1, ge=1, le=64)
    """Width, in tokens, of the ring of references, diagonal neighbours included."""
    background_share: Share = 0.5
    """Only the background is used if it is more than this share of the ring without siblings."""


def find_pool(site: Site, params: ClosestParams) -> Grid:
    """Return the tokens around the part that may fill it.

    These are the ring without the siblings or, if there is enough of it, the ring without all
    entities of the entity's name.

    Raises:
        NoMapping: ``no_surroundings`` - the ring is covered by siblings.
    """
    ring = grid.square_ring(site.part, params.ring_width)
    pool, background = ring & ~site.siblings, ring & ~site.foreground
    if background.sum() > params.background_share * pool.sum():
        return background
    if not pool.any():
        raise NoMapping("no_surroundings")
    return pool


def take_nearest(targets: Indices, pool: Indices) -> Indices:
    """Return for each of the (n, 2) targets the nearest (Manhattan) of the (m, 2) points of the
    pool; of several, the first one."""
    return pool[grid.manhattan(targets, pool).argmin(axis=1)]
