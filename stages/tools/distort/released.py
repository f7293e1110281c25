"""distort: how the released code rearranges a part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.engine.section import Section
from stages.records import grid
from stages.records.documents import TOKEN
from stages.records.grid import Indices
from stages.tools.aspects.mapping import Site


class JitterParams(Section):
    """Params of the kernel ``gaussian_jitter``."""

    sigma: float = Field(default=1.0, gt=0, le=64)
    """Standard deviation of the shift along each axis, in tokens."""
    attempts: int = Field(default=10, ge=1, le=1000)
    """How often a shift that leaves the entity is drawn again before the token stays unchanged."""


class ShiftingParams(Section):
    """Params of the kernel ``stripped_shifting``."""

    strips: int = Field(default=6, ge=1, le=64)
    """Number of strips."""
    shift: int = Field(default=10, ge=1, le=1024)
    """Strips are shifted by +1, -2, +3 ... times this number of pixels, in random order."""


def jitter(site: Site, rng: np.random.Generator, params: JitterParams) -> Indices:
    """Return (n, 2) sources of the part's tokens: each shifted by Gaussian noise, rounded and
    clipped to the window, within the entities of the entity's name."""
    at = grid.points(site.part)
    sources, last = at.copy(), np.subtract(site.part.shape, 1)
    left = np.arange(len(at))
    for _ in range(params.attempts):
        shifted = np.rint(at[left] + rng.normal(0, params.sigma, (len(left), 2)))
        shifted = np.clip(shifted.astype(np.int64), 0, last)
        found = site.foreground[shifted[:, 0], shifted[:, 1]]
        sources[left[found]] = shifted[found]
        left = left[~found]
    return sources


def cut_into_strips(at: Indices, count: int) -> tuple[NDArray[np.int64], int]:
    """Return the strip, 0 .. count - 1, of each of the (n, 2) tokens, and the axis that is cut.

    The strips are vertical (axis 1) if the tokens span more columns than rows. All are equally wide
    but the last one, which takes the rest: with fewer rows or columns than strips it takes all.
    """
    height, width = np.ptp(at, axis=0) + 1
    axis = 1 if width > height else 0
    along = at[:, axis] - at[:, axis].min()
    each = int(max(height, width)) // count
    if not each:
        return np.full(len(at), count - 1), axis
    return np.minimum(along // each, count - 1), axis


def shift_strips(
    site: Site, rng: np.random.Generator, params: ShiftingParams
) -> tuple[Indices, NDArray[np.int64], int]:
    """Return (n, 2) sources of the part's tokens, each strip rolled, and `cut_into_strips`.

    A strip's tokens are ordered by column, those of a column from top to bottom, also in horizontal
    strips. Shifts are rounded down to tokens: 0, -2, 1, -3, 3 and -4 by default.
    """
    at = grid.points(site.part)
    strip, axis = cut_into_strips(at, params.strips)
    number = np.arange(1, params.strips + 1)
    shifts = rng.permutation(np.where(number % 2, number, -number) * params.shift // TOKEN)
    sources = at.copy()
    for index in np.unique(strip):
        members = np.flatnonzero(strip == index)
        order = members[np.argsort(at[members, 1], kind="stable")]
        sources[order] = np.roll(at[order], -shifts[index], axis=0)
    return sources, strip, axis
