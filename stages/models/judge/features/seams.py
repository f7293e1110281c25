"""Measure seams along the borders at which the mapping tears.

A border is one side of a token (16 px). The mapping tears there if the two tokens beside it take
their appearance from places that are not neighbours. `profile` is the mean absolute step between
neighbouring pixels at each distance along the border's normal. `contrast` is the logarithm of the
step on the border relative to the steps beside it: about 0 if the border is not visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from stages.models.protocols import Image
from stages.records.documents import TOKEN
from stages.records.source_index import Index

REACH = 12
"""Number of pixels on either side of a border that are used."""
BESIDE = slice(3, 9)
"""Distances in pixels whose steps represent the surroundings."""
NATURAL = 0.95
"""Quantile of the photo's own contrasts above which a border counts as visible."""
Strip = NDArray[np.float32]
"""(2 * REACH, 16, 3): first axis across the border, second along it."""


@dataclass(frozen=True)
class Border:
    """One side of a token."""

    row: int
    column: int
    """Position of the token below a horizontal border or to the right of a vertical one."""
    horizontal: bool


def find_torn_borders(index: Index, grid: tuple[int, int]) -> list[Border]:
    """Find the borders at which the mapping tears."""
    moved = (index - np.arange(len(index))).reshape(grid)
    return [
        *(Border(int(r) + 1, int(c), True) for r, c in np.argwhere(np.diff(moved, axis=0))),
        *(Border(int(r), int(c) + 1, False) for r, c in np.argwhere(np.diff(moved, axis=1))),
    ]


def find_untouched_borders(index: Index, grid: tuple[int, int]) -> list[Border]:
    """Find the borders that have no target within two tokens."""
    unmoved = np.pad((index == np.arange(len(index))).reshape(grid), 2, constant_values=True)
    calm = np.lib.stride_tricks.sliding_window_view(unmoved, (5, 5)).all((2, 3))
    return [
        Border(int(r), int(c), horizontal)
        for horizontal in (True, False)
        for r, c in np.argwhere(calm)
        if (r if horizontal else c) > 0
    ]


def cut_strips(picture: Image, borders: Iterable[Border]) -> Iterator[Strip]:
    """Yield the pixels across each border, except for borders too near the window's edge."""
    pixels = picture.astype(np.float32)
    turned = pixels.swapaxes(0, 1)
    for border in borders:
        source, across, along = (
            (pixels, border.row, border.column)
            if border.horizontal
            else (turned, border.column, border.row)
        )
        middle, start = across * TOKEN, along * TOKEN
        if REACH <= middle <= len(source) - REACH:
            yield source[middle - REACH : middle + REACH, start : start + TOKEN]


def profile(strips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean absolute step at each distance of one strip, (2 * REACH - 1,), or of several,
    (B, 2 * REACH - 1); the border is central."""
    return np.abs(np.diff(strips, axis=-3)).mean((-2, -1))


def contrast(strips: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log of the step on the border relative to those beside it, each plus 1 grey level, of
    one strip or of several, (B,)."""
    steps = profile(strips)
    middle = REACH - 1
    beside = [steps[..., middle + 1 :][..., BESIDE], steps[..., :middle][..., ::-1][..., BESIDE]]
    sides = np.concatenate(beside, axis=-1)
    return np.log((steps[..., middle] + 1) / (sides.mean(-1) + 1))


def _contrasts(picture: Image, borders: Iterable[Border]) -> list[float]:
    strips = list(cut_strips(picture, borders))
    return contrast(np.stack(strips)).tolist() if strips else []


def seam(
    photo: Image, picture: Image, index: Index, grid: tuple[int, int]
) -> tuple[float | None, float | None]:
    """Measure how visible the torn borders of a window are.

    Returns:
        Mean contrast of the torn borders minus that of the photo at the same places; and the share
        of them above the photo's own `NATURAL` quantile elsewhere (0.05 by chance). None if there
        is no such border inside the window.
    """
    borders = find_torn_borders(index, grid)
    after, before = (_contrasts(image, borders) for image in (picture, photo))
    natural = _contrasts(photo, find_untouched_borders(index, grid))
    if not after or not natural:
        return None, None
    bound = np.quantile(natural, NATURAL)
    return fmean(after) - fmean(before), float(np.mean(np.array(after) > bound))
