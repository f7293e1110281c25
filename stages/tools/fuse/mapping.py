"""fuse: blends two entities or parts where they touch (algorithm section 2)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from stages.records import grid
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams
from stages.tools.fuse.released import OppositeParams, blend


class FuseParams(ToolParams):
    """Params of the kernels."""

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("near", "far"),)
    grow: int = Field(default=1, ge=0, le=32)
    """Manhattan distance by which the contact is grown to the target zone."""
    near: int = Field(default=2, ge=1, le=64)
    """Minimum Manhattan distance between a token that only one side covers and its reference, which
    only the other side covers."""
    far: int = Field(default=4, ge=1, le=64)
    """Maximum of that distance; tokens without a reference in range stay unchanged."""
    seed_share: float = Field(default=0.2, gt=0, le=1)
    """Number of Voronoi seeds as a share of the contact's tokens."""
    opposite_entity: OppositeParams = OppositeParams()


def target_zone(site: Site, grow: int) -> Grid:
    """Return the contact of part and other, grown within the two masks (the foreground).

    Raises:
        NoMapping: ``apart`` - they do not touch; ``nested`` - one lies entirely in the other.
    """
    a, b = site.part, site.other
    meeting = grid.contact(a, b)
    if not meeting.any():
        raise NoMapping("apart")
    if not (a & ~b).any() or not (b & ~a).any():
        raise NoMapping("nested")
    return grid.dilate(meeting, grow) & (a | b)


def find_nearest(
    targets: Indices, pool: Indices, near: int, far: int | None, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Return the targets that have a point of `pool` at a distance in near..far, and the nearest
    such point of each.

    Ties are broken at random. Points are (n, 2); distances are Manhattan; `far` None is unbounded.
    """
    distances = grid.manhattan(targets, pool).astype(np.float64)
    out_of_band = distances < near if far is None else (distances < near) | (distances > far)
    distances[out_of_band] = np.inf
    found = np.isfinite(distances.min(axis=1))
    # Distances are integers, so noise below 1 breaks ties and changes nothing else.
    chosen = (distances + rng.random(distances.shape) / 2).argmin(axis=1)
    return targets[found], pool[chosen[found]]


def _collect(
    site: Site, pieces: list[tuple[Indices, Indices]], zone: Grid, **facts: object
) -> Pairs:
    """Concatenate target and reference points, sorted by target, without unchanged tokens.

    Raises:
        NoMapping: ``no_partner`` - no token is left.
    """
    shape = site.part.shape
    targets = grid.to_indices(np.concatenate([piece[0] for piece in pieces]), shape)
    references = grid.to_indices(np.concatenate([piece[1] for piece in pieces]), shape)
    moved = targets != references
    order = np.argsort(targets[moved])
    targets, references = targets[moved][order], references[moved][order]
    if not len(targets):
        raise NoMapping("no_partner")
    from_other = (site.other & ~site.part).ravel()[references].mean()
    facts |= {"zone": int(zone.sum()), "from_other_share": round(float(from_other), 4)}
    return Pairs(targets, references, facts)


def exchange(site: Site, rng: np.random.Generator, params: FuseParams) -> Pairs:
    """Give tokens that only one side covers the nearest token that only the other covers; tokens
    that both cover get the nearest of either.

    Raises:
        NoMapping: ``apart``, ``nested``; ``no_partner`` - no token lies at the right distance.
    """
    zone = target_zone(site, params.grow)
    a_alone, b_alone = site.part & ~site.other, site.other & ~site.part
    plans = [
        (a_alone, b_alone, params.near, params.far),
        (b_alone, a_alone, params.near, params.far),
        (site.part & site.other, a_alone | b_alone, 1, None),
    ]
    pieces = [
        find_nearest(grid.points(zone & own), grid.points(pool), near, far, rng)
        for own, pool, near, far in plans
        if (zone & own).any()
    ]
    return _collect(site, pieces, zone)


def farthest_points(at: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Return a farthest-point sample, (count, 2), of (n, 2) points; the first is random."""
    chosen = [int(rng.integers(len(at)))]
    distance = grid.manhattan(at, at[chosen])[:, 0]
    while len(chosen) < min(count, len(at)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, grid.manhattan(at, at[chosen[-1:]])[:, 0])
    return at[chosen]


def _cells(
    site: Site, zone: Grid, rng: np.random.Generator, params: FuseParams
) -> tuple[Indices, Indices, int]:
    """Return the zone's points, the cell of each (even cells belong to the part, odd ones to the
    other), and the number of seeds."""
    meeting = grid.points(grid.contact(site.part, site.other))
    seeds = farthest_points(meeting, max(2, round(params.seed_share * len(meeting))), rng)
    at = grid.points(zone)
    return at, grid.manhattan(at, seeds).argmin(axis=1) + int(rng.integers(2)), len(seeds)


def voronoi(site: Site, rng: np.random.Generator, params: FuseParams) -> Pairs:
    """Divide the zone into Voronoi cells of seeds in the contact; the cells take tokens of either
    side in turn.

    Raises:
        NoMapping: ``apart``, ``nested``, ``no_partner``.
    """
    zone = target_zone(site, params.grow)
    at, cell, seeds = _cells(site, zone, rng, params)
    alone = (site.part & ~site.other, site.other & ~site.part)
    pieces = [
        find_nearest(at[cell % 2 == side], grid.points(alone[side]), 0, None, rng)
        for side in (0, 1)
        if (cell % 2 == side).any()
    ]
    return _collect(site, pieces, zone, seeds=seeds)


def merge(site: Site, rng: np.random.Generator, params: FuseParams) -> Pairs:
    """Divide the zone as `voronoi` does, but fill each cell with one piece of its side.

    The piece's displacement is the one of length `near`..`far` that fills most of the cell with
    tokens that only that side covers; the cell's other tokens stay unchanged.

    Raises:
        NoMapping: ``apart``, ``nested``, ``no_partner``.
    """
    zone = target_zone(site, params.grow)
    at, owner, seeds = _cells(site, zone, rng, params)
    alone = (site.part & ~site.other, site.other & ~site.part)
    steps = np.arange(-params.far, params.far + 1)
    offsets = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)
    length = abs(offsets).sum(axis=1)
    offsets = rng.permutation(offsets[(length >= params.near) & (length <= params.far)])
    pieces = []
    for cell in np.unique(owner):
        targets = at[owner == cell]
        pool = np.pad(alone[cell % 2], params.far)
        rows, columns = (targets.T[:, None] + offsets.T[:, :, None]) + params.far
        found = pool[rows, columns]
        best = int(found.sum(axis=1).argmax())
        pieces.append((targets[found[best]], targets[found[best]] + offsets[best]))
    return _collect(site, pieces, zone, seeds=seeds)


def opposite_entity(site: Site, _: np.random.Generator, params: FuseParams) -> Pairs:
    """Fill each Voronoi cell of the zone from the opposite entity, as the released code does.

    Raises:
        NoMapping: ``apart``, ``nested``, ``no_partner``.
    """
    found = blend(site, params.opposite_entity)
    return _collect(site, [(found.targets, found.references)], found.zone, seeds=found.seeds)


ASPECT = MappingAspect(
    kernels={
        "exchange": exchange,
        "voronoi": voronoi,
        "merge": merge,
        "opposite_entity": opposite_entity,
    },
    params=FuseParams(),
    pairs=True,
)
