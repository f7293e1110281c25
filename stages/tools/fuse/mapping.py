"""fuse: blends two instances or parts where they touch (algorithm section 2)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from stages.records import grid
from stages.records.grid import Grid, Indices
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams


class FuseParams(ToolParams):
    """Numbers of the exchange."""

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("near", "far"),)
    grow: int = Field(default=1, ge=0, le=32)
    """Manhattan distance by which the contact is grown into the target zone."""
    near: int = Field(default=2, ge=1, le=64)
    """Least distance between a token of one alone and its reference in the other alone."""
    far: int = Field(default=4, ge=1, le=64)
    """Greatest such distance; a token without a partner that near stays as it is."""
    seed_share: float = Field(default=0.2, gt=0, le=1)
    """Voronoi: seeds as a share of the contact's tokens."""


def target_zone(site: Site, grow: int) -> Grid:
    """The contact of part and other, grown within the two (the foreground).

    Raises:
        NoMapping: ``apart`` - they do not touch; ``nested`` - one has no token of its own.
    """
    a, b = site.part, site.other
    meeting = grid.contact(a, b)
    if not meeting.any():
        raise NoMapping("apart")
    if not (a & ~b).any() or not (b & ~a).any():
        raise NoMapping("nested")
    return grid.dilate(meeting, grow) & (a | b)


def nearest(
    targets: Indices, pool: Indices, near: int, far: int | None, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Targets that have a partner in `pool` at a distance in near..far, and the nearest such one.

    Ties are drawn. Points are (n, 2); distances are Manhattan; `far` None is unbounded.
    """
    distances = grid.manhattan(targets, pool).astype(np.float64)
    out_of_band = distances < near if far is None else (distances < near) | (distances > far)
    distances[out_of_band] = np.inf
    found = np.isfinite(distances.min(axis=1))
    # Distances are whole numbers: less than one of noise orders ties and nothing else.
    chosen = (distances + rng.random(distances.shape) / 2).argmin(axis=1)
    return targets[found], pool[chosen[found]]


def _collect(
    site: Site, pieces: list[tuple[Indices, Indices]], zone: Grid, **facts: object
) -> Pairs:
    """Joins target and reference points, sorted by target, without those that stay as they are."""
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
    """Tokens of one alone look like the nearest of the other alone; shared ones like either.

    Raises:
        NoMapping: ``apart``, ``nested``; ``no_partner`` - nothing lies at the right distance.
    """
    zone = target_zone(site, params.grow)
    a_alone, b_alone = site.part & ~site.other, site.other & ~site.part
    plans = [
        (a_alone, b_alone, params.near, params.far),
        (b_alone, a_alone, params.near, params.far),
        (site.part & site.other, a_alone | b_alone, 1, None),
    ]
    pieces = [
        nearest(grid.points(zone & own), grid.points(pool), near, far, rng)
        for own, pool, near, far in plans
        if (zone & own).any()
    ]
    return _collect(site, pieces, zone)


def farthest_points(at: Indices, count: int, rng: np.random.Generator) -> Indices:
    """(count, 2) farthest-point sample of (n, 2) points: random first, then the most remote."""
    chosen = [int(rng.integers(len(at)))]
    distance = grid.manhattan(at, at[chosen])[:, 0]
    while len(chosen) < min(count, len(at)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, grid.manhattan(at, at[chosen[-1:]])[:, 0])
    return at[chosen]


def _cells(
    site: Site, zone: Grid, rng: np.random.Generator, params: FuseParams
) -> tuple[Indices, Indices, int]:
    """The zone's points, each one's cell (even cells belong to the part, odd ones to the other),
    and how many seeds there are."""
    meeting = grid.points(grid.contact(site.part, site.other))
    seeds = farthest_points(meeting, max(2, round(params.seed_share * len(meeting))), rng)
    at = grid.points(zone)
    return at, grid.manhattan(at, seeds).argmin(axis=1) + int(rng.integers(2)), len(seeds)


def voronoi(site: Site, rng: np.random.Generator, params: FuseParams) -> Pairs:
    """Cells around seeds in the contact belong in turn to either side, and take its tokens.

    Raises:
        NoMapping: ``apart``, ``nested``, ``no_partner``.
    """
    zone = target_zone(site, params.grow)
    at, cell, seeds = _cells(site, zone, rng, params)
    alone = (site.part & ~site.other, site.other & ~site.part)
    pieces = [
        nearest(at[cell % 2 == side], grid.points(alone[side]), 0, None, rng)
        for side in (0, 1)
        if (cell % 2 == side).any()
    ]
    return _collect(site, pieces, zone, seeds=seeds)


def merge(site: Site, rng: np.random.Generator, params: FuseParams) -> Pairs:
    """As `voronoi`, but each cell moves in from its owner as a piece, by one displacement.

    The displacement is the one of length `near`..`far` that fills most of the cell with tokens of
    the owner alone; where it finds none a token stays as it is.

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


ASPECT = MappingAspect(
    kernels={"exchange": exchange, "voronoi": voronoi, "merge": merge},
    params=FuseParams(),
    pairs=True,
)
