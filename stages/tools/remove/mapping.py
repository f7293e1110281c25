"""remove: fills a peripheral part from its surroundings (algorithm section 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.records import grid
from stages.records.grid import Grid
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams


class RemoveParams(ToolParams):
    """Numbers of the neighbour draw."""

    radius: int = Field(default=3, ge=1, le=64)
    """Manhattan distance from the part within which references lie."""
    power: float = Field(default=10.0, gt=0, le=100)
    """A target draws a reference with probability proportional to 1 / distance ** power."""


def surroundings(part: Grid, excluded: Grid, radius: int) -> tuple[Grid, int]:
    """References within `radius` of the part and outside of `excluded`, and the radius used.

    A part walled in by its siblings has none so near: the radius grows until one is found.

    Raises:
        NoMapping: ``no_surroundings`` - every token belongs to the part or its siblings.
    """
    for reach in range(radius, sum(part.shape)):
        pool = grid.ring(part, reach) & ~excluded
        if pool.any():
            return pool, reach
    raise NoMapping("no_surroundings")


def draw(
    distances: NDArray[np.number], power: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(n,) one column per row of (n, m) distances, p proportional to 1 / distance ** power."""
    nearest = distances.min(axis=1, keepdims=True)
    weights = (nearest / distances) ** power
    cumulative = weights.cumsum(axis=1)
    # The last column as the total: a separate sum may round above it, and find no column.
    return (cumulative > rng.random((len(distances), 1)) * cumulative[:, -1:]).argmax(axis=1)


def neighbours(site: Site, rng: np.random.Generator, params: RemoveParams) -> Pairs:
    """Every token of the part draws its own reference from what lies around the part.

    Raises:
        NoMapping: ``no_surroundings``.
    """
    pool, radius = surroundings(site.part, site.part | site.siblings, params.radius)
    targets, references = grid.points(site.part), grid.points(pool)
    chosen = references[draw(grid.manhattan(targets, references), params.power, rng)]
    shape = site.part.shape
    facts = {
        "radius": radius,
        "from_entity_share": round(float(site.entity[chosen[:, 0], chosen[:, 1]].mean()), 4),
    }
    return Pairs(grid.to_indices(targets, shape), grid.to_indices(chosen, shape), facts)


def clone(site: Site, rng: np.random.Generator, params: RemoveParams) -> Pairs:
    """Every token of the part takes after the one a single displacement away.

    A piece of the surroundings moves over the part as a whole: texture goes on, where
    `neighbours` repeats the same few tokens. The displacement is drawn among those that show
    nothing of the part, its siblings or other parts, with p proportional to
    ((1 - d) / length) ** power, d being how far the entity's share of what moves in is from its
    share of the part's border: a nose gives way to cheek, not to sky.

    Raises:
        NoMapping: ``no_room`` - nothing of the part's shape lies free near it.
    """
    targets, shape = grid.points(site.part), site.part.shape
    reach = int(np.ptp(targets, axis=0).max()) + 1 + params.radius
    steps = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    free = np.pad(~(site.part | site.siblings | site.parts), reach)
    rows, columns = (targets.T[:, None] + offsets.T[:, :, None]) + reach
    fits = free[rows, columns].all(axis=1)
    if not fits.any():
        raise NoMapping("no_room")
    border = site.entity[grid.ring(site.part, 1)].mean()
    share = np.pad(site.entity, reach)[rows, columns].mean(axis=1)
    alike = np.maximum(1 - abs(share - border), 1e-3)
    cost = (np.hypot(*offsets.T) / alike)[fits]
    drawn = offsets[fits][draw(cost[None], params.power, rng)[0]]
    chosen = targets + drawn
    facts = {
        "offset": drawn.tolist(),
        "from_entity_share": round(float(site.entity[chosen[:, 0], chosen[:, 1]].mean()), 4),
    }
    return Pairs(grid.to_indices(targets, shape), grid.to_indices(chosen, shape), facts)


ASPECT = MappingAspect(
    kernels={"clone": clone, "neighbours": neighbours}, params=RemoveParams(), needs_name=True
)
