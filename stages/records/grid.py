"""Geometry on the token grid: Manhattan balls, rings, shifts, distances.

Grids are (rows, columns) bool arrays, one cell per token. Points are (n, 2) int arrays of
(row, column); token indices count row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

Grid = NDArray[np.bool_]
Indices = NDArray[np.int64]

DIRECTIONS = ("right", "lower right", "below", "lower left", "left", "upper left", "above",
              "upper right")  # fmt: skip
"""Eight sectors of 45 degrees, clockwise from the right, as seen in the image."""


def dilate(mask: Grid, radius: int) -> Grid:
    """Return the tokens within Manhattan distance `radius` (>= 0) of the mask, mask included."""
    if radius == 0 or not mask.any():
        return mask.copy()
    return np.asarray(ndimage.binary_dilation(mask, iterations=radius), dtype=bool)


def ring(mask: Grid, width: int) -> Grid:
    """Return the tokens outside the mask within Manhattan distance `width` of it."""
    return dilate(mask, width) & ~mask


def square_ring(mask: Grid, width: int) -> Grid:
    """Return the tokens outside the mask within Chebyshev distance `width` (> 0) of it.

    With width 1 these are the 8 neighbours of the mask's tokens.
    """
    square = np.ones((3, 3), dtype=bool)
    return np.asarray(ndimage.binary_dilation(mask, square, iterations=width), dtype=bool) & ~mask


def outline(mask: Grid) -> tuple[Indices, Indices]:
    """Return the (n, 2) tokens inside and outside the mask on either side of its outline.

    A token appears once for each of its sides on the outline; sides on the grid's edge are left
    out.
    """
    within = points(mask)
    inner = np.repeat(within, 4, axis=0)
    outer = inner + np.tile([[-1, 0], [1, 0], [0, -1], [0, 1]], (len(within), 1))
    kept = inside(outer, mask.shape)
    inner, outer = inner[kept], outer[kept]
    kept = ~mask[outer[:, 0], outer[:, 1]]
    return inner[kept], outer[kept]


def contact(a: Grid, b: Grid) -> Grid:
    """Return the tokens in both masks; if there are none, the tokens on both sides of the edges
    that the masks share."""
    both = a & b
    return both if both.any() else (dilate(a, 1) & b) | (dilate(b, 1) & a)


def points(mask: Grid) -> Indices:
    """Return the (n, 2) rows and columns of the mask's tokens, in row-major order."""
    return np.argwhere(mask).astype(np.int64)


def indices(mask: Grid) -> Indices:
    """Return the (n,) indices of the mask's tokens, ascending."""
    return np.flatnonzero(mask).astype(np.int64)


def to_indices(at: Indices, shape: tuple[int, int]) -> Indices:
    """Convert (n, 2) points inside the grid to (n,) token indices."""
    return (at[:, 0] * shape[1] + at[:, 1]).astype(np.int64)


def inside(at: Indices, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return (n,) bool: whether each of the (n, 2) points is inside the grid."""
    return np.asarray(((at >= 0) & (at < np.asarray(shape))).all(axis=1))


def manhattan(a: Indices, b: Indices) -> Indices:
    """Return the (n, m) Manhattan distances between (n, 2) and (m, 2) points."""
    return np.rint(cdist(a, b, "cityblock")).astype(np.int64)


def snap(at: NDArray[np.float64], to: Indices) -> Indices:
    """Return, for each of the (n, 2) points, the nearest of the (m, 2) points `to`.

    The distance is Euclidean; of several nearest points the first one is taken.
    """
    return to[cdist(at, to).argmin(axis=1)]


def displace(mask: Grid, offset: Indices) -> tuple[Indices, Indices]:
    """Return the (n,) indices of the mask's tokens moved by `offset`, and those of the tokens
    themselves; tokens that would leave the grid are dropped."""
    source = points(mask)
    target = source + offset
    kept = inside(target, mask.shape)
    return to_indices(target[kept], mask.shape), to_indices(source[kept], mask.shape)


def anchor(mask: Grid) -> Indices:
    """Return (2,) the token of the mask that is nearest to the mask's centre of mass."""
    at = points(mask)
    return snap(at.mean(axis=0, keepdims=True), at)[0]


def direction(dy: float, dx: float) -> str:
    """Return the one of `DIRECTIONS` that a displacement points in; `dy` is positive downwards."""
    return DIRECTIONS[round(np.arctan2(dy, dx) / (np.pi / 4)) % 8]
