"""fuse: how the released code blends two entities that overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.engine.section import PositiveShare
from stages.records import grid
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import NoMapping, Pairing, Site


class OppositeParams(Pairing):
    """Params of the kernel ``opposite_entity``."""

    within_entity: bool = False
    min_shared: int = Field(default=6, ge=1, le=65_536)
    """Minimum number of tokens that both entities cover."""
    containment: PositiveShare = 0.7
    """The shared tokens are less than this share of either entity."""
    band: int = Field(default=2, ge=0, le=32)
    """Manhattan distance by which the shared tokens are grown to the target zone."""
    seeds: int = Field(default=5, ge=1, le=1000)
    """Number of Voronoi seeds in the target zone."""
    reach: int = Field(default=4, ge=1, le=64)
    """Maximum Manhattan length of the displacement by which a cell is filled."""

    def allows(self, shared: int, smaller: int) -> bool:
        """Return whether the two share enough tokens and none contains the other."""
        return shared >= self.min_shared and shared < self.containment * smaller


@dataclass(frozen=True)
class Blend:
    """What the kernel does to each token of the zone; points are (n, 2)."""

    zone: Grid
    targets: Indices
    references: Indices
    seeds: int


def spread_out(at: Indices, count: int) -> Indices:
    """Return a farthest-point sample, (count, 2), of (n, 2) points.

    The first is the one nearest to their mean (Euclidean); each next one is farthest from those
    before it (Manhattan). Of several points the first one is taken.
    """
    chosen = [int(((at - at.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    distance = grid.manhattan(at, at[chosen])[:, 0]
    while len(chosen) < min(count, len(at)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, grid.manhattan(at, at[chosen[-1:]])[:, 0])
    return at[chosen]


def order_offsets(reach: int) -> Indices:
    """Return the (n, 2) displacements of length 1 .. `reach`, shortest first, then row by row."""
    steps = np.arange(-reach, reach + 1)
    every = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    length = abs(every).sum(axis=1)
    order = np.argsort(length, kind="stable")
    return every[order][(length[order] > 0) & (length[order] <= reach)]


def choose_sides(seeds: Indices, first: Grid, second: Grid) -> NDArray[np.int64]:
    """Return for each of the (n, 2) seeds the nearer of the two masks: -1 the first, 1 the second,
    0 neither."""
    to_first, to_second = (
        grid.manhattan(seeds, grid.points(mask)).min(axis=1) for mask in (first, second)
    )
    return np.sign(to_first - to_second)


def fill_cell(cell: Indices, pool: Grid, zone: Grid, offsets: Indices) -> Indices:
    """Return (n, 2) references of a cell's (n, 2) tokens, from the pool outside the zone.

    Most tokens take the token at one displacement, the first of those that lead most of the cell
    into the pool; the others take the nearest of the pool. If the zone covers the pool, all take
    the nearest token of the pool.
    """
    free = pool & ~zone
    rest = grid.points(free if free.any() else pool)
    references = rest[grid.manhattan(cell, rest).argmin(axis=1)]
    reach = int(abs(offsets).max())
    moved = cell + offsets[:, None]
    hits = np.pad(free, reach)[moved[..., 0] + reach, moved[..., 1] + reach]
    best = int(hits.sum(axis=1).argmax())
    references[hits[best]] = moved[best][hits[best]]
    return references


def blend(site: Site, params: OppositeParams) -> Blend:
    """Divide the zone into the cells of its seeds and fill each cell from the opposite entity.

    That is the one whose own tokens are farther from the seed; a seed as near to both takes from
    either.

    Raises:
        NoMapping: ``apart`` - no token is shared; ``nested`` - one lies entirely in the other.
    """
    shared, alone = site.part & site.other, (site.part & ~site.other, site.other & ~site.part)
    if not shared.any():
        raise NoMapping("apart")
    if not all(mask.any() for mask in alone):
        raise NoMapping("nested")
    zone = grid.dilate(shared, params.band) & (site.part | site.other)
    at, offsets = grid.points(zone), order_offsets(params.reach)
    seeds = spread_out(at, params.seeds)
    owner = grid.manhattan(at, seeds).argmin(axis=1)
    pools = {-1: alone[1], 1: alone[0], 0: alone[0] | alone[1]}
    references = np.empty_like(at)
    for number, side in enumerate(choose_sides(seeds, *alone)):
        mine = owner == number
        references[mine] = fill_cell(at[mine], pools[int(side)], zone, offsets)
    return Blend(zone, at, references, len(seeds))
