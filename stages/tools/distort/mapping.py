"""distort: rearranges a central part in place (algorithm section 2).

Jitter, strip and permutation are the paper's kernels, gaussian_jitter and stripped_shifting those
of the released code, swirl and Voronoi those of an earlier revision of it, shards is ours. The
targets of every kernel are all tokens of the part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial.distance import cdist

from stages.records import grid
from stages.records.grid import Indices
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams
from stages.tools.distort import released


class DistortParams(ToolParams):
    """Params of the kernels."""

    jitter_sigma: float = Field(default=1.0, gt=0, le=64)
    """Standard deviation of the shift along each axis, in tokens."""
    strip_width: int = Field(default=2, ge=1, le=64)
    """Width of a strip in tokens."""
    swirl_angle: float = Field(default=0.5, gt=0, le=np.pi)
    """Angle at the rim in radians; it grows linearly from the centre."""
    seed_share: float = Field(default=0.15, gt=0, le=0.5)
    """Share of the part's tokens that are Voronoi seeds."""
    gaussian_jitter: released.JitterParams = released.JitterParams()
    stripped_shifting: released.ShiftingParams = released.ShiftingParams()


def _pairs(site: Site, sources: Indices, **facts: object) -> Pairs:
    """Pair all tokens of the part, as targets, with (n, 2) `sources` as references."""
    return Pairs(grid.indices(site.part), grid.to_indices(sources, site.part.shape), facts)


def _moved_pairs(site: Site, sources: Indices, **facts: object) -> Pairs:
    """Return `_pairs`, or raise NoMapping ``too_still`` if no token moves."""
    if (sources == grid.points(site.part)).all():
        raise NoMapping("too_still")
    return _pairs(site, sources, **facts)


def _snap(at: NDArray[Any], site: Site) -> Indices:
    """Round (n, 2) points to tokens and clip them to the window."""
    return np.clip(np.rint(at).astype(np.int64), 0, np.subtract(site.part.shape, 1))


def jitter(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Shift each token by Gaussian noise: reference = clip(target + round(N(0, sigma^2)))."""
    at = grid.points(site.part)
    return _pairs(site, _snap(at + rng.normal(0, params.jitter_sigma, at.shape), site))


def strip(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Cut the part into strips and roll each along its length: a bijection on the part.

    Raises:
        NoMapping: ``too_thin`` - no strip is longer than it is wide.
    """
    at = grid.points(site.part)
    across = int(rng.integers(2))  # 0: horizontal strips; 1: vertical strips
    width = params.strip_width
    lane = (at[:, across] - at[:, across].min()) // width
    sources = at.copy()
    for number in np.unique(lane):
        members = np.flatnonzero(lane == number)
        order = members[np.lexsort((at[members, across], at[members, 1 - across]))]
        if len(order) > width:
            # Multiples of the width, so that a full strip moves by complete cross-sections.
            shift = width * int(rng.integers(1, -(-len(order) // width)))
            sources[order] = at[np.roll(order, shift)]
    if (sources == at).all():
        raise NoMapping("too_thin")
    return _pairs(site, sources, strips="standing" if across else "lying")


def permutation(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Permute the part's tokens at random: a bijection on the part."""
    return _pairs(site, rng.permutation(grid.points(site.part)))


def swirl(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Rotate the part about its centre by angle * r / R; references may lie outside the part."""
    at = grid.points(site.part)
    offset = at - at.mean(axis=0)
    radius = np.hypot(offset[:, 0], offset[:, 1])
    sign = int(rng.choice([-1, 1]))
    angle = sign * params.swirl_angle * radius / max(float(radius.max()), 1.0)
    cos, sin = np.cos(angle), np.sin(angle)
    turned = np.stack(
        [cos * offset[:, 0] - sin * offset[:, 1], sin * offset[:, 0] + cos * offset[:, 1]], axis=1
    )
    # References at +angle in (row, column) coordinates turn the picture clockwise on screen.
    sense = "clockwise" if sign > 0 else "anticlockwise"
    return _pairs(site, _snap(turned + at.mean(axis=0), site), sense=sense)


def voronoi(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Draw tokens of the part as seeds; the reference of each token is the nearest seed
    (Euclidean).

    Raises:
        NoMapping: ``too_small`` - the part has fewer than two tokens.
    """
    at = grid.points(site.part)
    count = max(2, round(params.seed_share * len(at)))
    if len(at) < count:
        raise NoMapping("too_small")
    seeds = at[rng.choice(len(at), count, replace=False)]
    return _pairs(site, seeds[cdist(at, seeds).argmin(axis=1)], seeds=count)


def shards(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Cut the part into Voronoi cells and move each as one piece, so that they do not fit together.

    The displacement of a cell is drawn like that of a token in `jitter`, with twice the standard
    deviation, and is never zero.

    Raises:
        NoMapping: ``too_small`` - the part has fewer than two tokens.
    """
    at = grid.points(site.part)
    count = max(2, round(params.seed_share * len(at) / 2))
    if len(at) < count:
        raise NoMapping("too_small")
    seeds = at[rng.choice(len(at), count, replace=False)]
    moves = np.rint(rng.normal(0, 2 * params.jitter_sigma, seeds.shape))
    moves[~moves.any(axis=1), 0] = 1
    moved = at + moves[cdist(at, seeds).argmin(axis=1)]
    return _pairs(site, _snap(moved, site), pieces=count)


def gaussian_jitter(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Shift each token by Gaussian noise that stays in the entity, as the released code does.

    Raises:
        NoMapping: ``too_still`` - no token moves.
    """
    return _moved_pairs(site, released.jitter(site, rng, params.gaussian_jitter))


def stripped_shifting(site: Site, rng: np.random.Generator, params: DistortParams) -> Pairs:
    """Roll strips by fixed shifts in random order, as the released code does.

    Raises:
        NoMapping: ``too_still`` - no token moves.
    """
    sources, strip, axis = released.shift_strips(site, rng, params.stripped_shifting)
    if len(np.unique(strip)) == 1:  # the part is too thin for several strips
        return _moved_pairs(site, sources)
    return _moved_pairs(site, sources, strips="standing" if axis else "lying")


ASPECT = MappingAspect(
    kernels={
        "jitter": jitter,
        "strip": strip,
        "permutation": permutation,
        "swirl": swirl,
        "voronoi": voronoi,
        "shards": shards,
        "gaussian_jitter": gaussian_jitter,
        "stripped_shifting": stripped_shifting,
    },
    params=DistortParams(),
)
