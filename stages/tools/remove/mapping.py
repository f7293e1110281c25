"""remove: fills a peripheral part from its surroundings (algorithm section 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.records import grid
from stages.records.colours import Colours, steps_across
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams
from stages.tools.remove.released import ClosestParams, find_pool, take_nearest


class RemoveParams(ToolParams):
    """Params of the kernels."""

    radius: int = Field(default=3, ge=1, le=64)
    """Maximum Manhattan distance of references from the part."""
    power: float = Field(default=10.0, gt=0, le=100)
    """A reference is drawn with probability proportional to 1 / distance ** power."""
    tone: float = Field(default=6.0, gt=0, le=1000)
    """`clone`: CIELAB step across the part's outline at which a piece counts as twice as far."""
    closest: ClosestParams = ClosestParams()


def surroundings(part: Grid, excluded: Grid, radius: int) -> tuple[Grid, int]:
    """Return the tokens within `radius` of the part and outside `excluded`, and the radius used.

    If there are none, e.g. between siblings, the radius grows until there is one.

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
    """Draw one column per row of (n, m) distances, (n,), with p proportional to 1 / distance **
    power."""
    nearest = distances.min(axis=1, keepdims=True)
    weights = (nearest / distances) ** power
    cumulative = weights.cumsum(axis=1)
    # Scale by the last column: a separate sum might be rounded up beyond it, and match no column.
    return (cumulative > rng.random((len(distances), 1)) * cumulative[:, -1:]).argmax(axis=1)


def _pairs(site: Site, chosen: Indices, **facts: object) -> Pairs:
    """Pair all tokens of the part, as targets, with the (n, 2) `chosen` as references."""
    share = round(float(site.entity[chosen[:, 0], chosen[:, 1]].mean()), 4)
    references = grid.to_indices(chosen, site.part.shape)
    return Pairs(grid.indices(site.part), references, {**facts, "from_entity_share": share})


def neighbours(site: Site, rng: np.random.Generator, params: RemoveParams) -> Pairs:
    """Draw a reference for each token of the part from the surroundings.

    Raises:
        NoMapping: ``no_surroundings``.
    """
    pool, radius = surroundings(site.part, site.part | site.siblings, params.radius)
    targets, references = grid.points(site.part), grid.points(pool)
    chosen = references[draw(grid.manhattan(targets, references), params.power, rng)]
    return _pairs(site, chosen, radius=radius)


def closest(site: Site, _: np.random.Generator, params: RemoveParams) -> Pairs:
    """Take the nearest token of the ring around the part, as the released code does.

    Raises:
        NoMapping: ``no_surroundings``.
    """
    pool = grid.points(find_pool(site, params.closest))
    return _pairs(site, take_nearest(grid.points(site.part), pool))


def _unevenness(part: Grid, colours: Colours, offsets: Indices) -> NDArray[np.float64]:
    """Return for each of the (m, 2) offsets the step that its piece makes across the outline, plus
    what its colours vary more than those around the part, (m,) in CIELAB units."""
    inner, outer = grid.outline(part)
    step = steps_across(colours, inner + offsets[:, None], outer)
    piece = grid.points(part) + offsets[:, None]
    spread = np.linalg.norm(colours[piece[..., 0], piece[..., 1]].std(axis=1), axis=-1)
    around = np.linalg.norm(colours[outer[:, 0], outer[:, 1]].std(axis=0))
    return step + np.maximum(spread - around, 0)


def clone(site: Site, rng: np.random.Generator, params: RemoveParams) -> Pairs:
    """Cover the part with a piece of the surroundings: all references are displaced by one offset.

    Texture is continued, where `neighbours` repeats the same few tokens. The offset is drawn among
    those that show nothing of the part, its siblings or other parts, with p proportional to
    ((1 - d) / (length * (1 + step / tone))) ** power. d is the difference between the entity's
    share of the piece and its share of the part's border, so that a nose is replaced by cheek
    rather than by sky. step is the mean CIELAB step that the piece makes across the part's outline,
    plus what its own colours vary more than those around the part, so that no highlight and no
    shadow moves.

    Raises:
        NoMapping: ``no_room`` - no area of the part's shape near it is free of parts.
    """
    targets = grid.points(site.part)
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
    if site.colours is not None:
        cost = cost * (1 + _unevenness(site.part, site.colours, offsets[fits]) / params.tone)
    drawn = offsets[fits][draw(cost[None], params.power, rng)[0]]
    return _pairs(site, targets + drawn, offset=drawn.tolist())


ASPECT = MappingAspect(
    kernels={"clone": clone, "neighbours": neighbours, "closest": closest},
    params=RemoveParams(),
    needs_name=True,
)
