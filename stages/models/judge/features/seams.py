"""Seams: does the picture break along the borders where the mapping tears?

A border is one side of a token (16 px) at which the mapping tears: the two tokens beside it take
their appearance from places that are not neighbours. Along its normal, `profile` gives the mean
absolute step between neighbouring pixels at each distance. ``contrast`` is the step on the border
against the steps beside it, as a logarithm: about 0 where nothing happens on the border.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from stages.models.protocols import Image
from stages.records.documents import TOKEN

REACH = 12
"""Pixels on either side of a border that are looked at."""
BESIDE = slice(3, 9)
"""Distances in pixels whose steps stand for the surroundings."""
NATURAL = 0.95
"""Quantile of the photo's own contrasts above which a border counts as seen."""
Index = NDArray[np.int64]
"""(N,): where each token of a window takes its appearance from, itself where it stays."""
Strip = NDArray[np.float32]
"""(2 * REACH, 16, 3): across the border first, along it second."""


@dataclass(frozen=True)
class Border:
    """One side of a token."""

    row: int
    column: int
    """Of the token below (lying) or to the right (standing) of it."""
    lying: bool


def torn(index: Index, grid: tuple[int, int]) -> list[Border]:
    """Borders at which the mapping tears."""
    moved = (index - np.arange(len(index))).reshape(grid)
    return [
        *(Border(int(r) + 1, int(c), True) for r, c in np.argwhere(np.diff(moved, axis=0))),
        *(Border(int(r), int(c) + 1, False) for r, c in np.argwhere(np.diff(moved, axis=1))),
    ]


def untouched(index: Index, grid: tuple[int, int]) -> list[Border]:
    """Borders of which no token within two is a target."""
    far = np.pad((index == np.arange(len(index))).reshape(grid), 2, constant_values=True)
    calm = np.lib.stride_tricks.sliding_window_view(far, (5, 5)).all((2, 3))
    return [
        Border(int(r), int(c), lying)
        for lying in (True, False)
        for r, c in np.argwhere(calm)
        if (r if lying else c) > 0
    ]


def strips(picture: Image, borders: Iterable[Border]) -> Iterator[Strip]:
    """The pixels across each border; those too near the window's edge are left out."""
    pixels = picture.astype(np.float32)
    turned = pixels.swapaxes(0, 1)
    for border in borders:
        source = pixels if border.lying else turned
        across, along = (border.row, border.column) if border.lying else (border.column, border.row)
        middle, start = across * TOKEN, along * TOKEN
        if REACH <= middle <= len(source) - REACH:
            yield source[middle - REACH : middle + REACH, start : start + TOKEN]


def profile(strip: Strip) -> NDArray[np.float32]:
    """(2 * REACH - 1,) mean absolute step at each place across; the border is in the middle."""
    return np.abs(np.diff(strip, axis=0)).mean((1, 2))


def contrast(strip: Strip) -> float:
    """log of the step on the border against the steps beside it, each with a grey level added."""
    steps = profile(strip)
    middle = REACH - 1
    sides = np.concatenate([steps[middle + 1 :][BESIDE], steps[:middle][::-1][BESIDE]])
    return float(np.log((steps[middle] + 1) / (sides.mean() + 1)))


def seam(
    photo: Image, picture: Image, index: Index, grid: tuple[int, int]
) -> tuple[float | None, float | None]:
    """How far the torn borders of a picture's window stand out.

    Returns:
        Mean contrast of the torn borders, less that of the photo at the same places; and the share
        of them above the photo's own `NATURAL` quantile elsewhere (natural: 0.05). None where no
        border is inside the window.
    """
    borders = torn(index, grid)
    after = [contrast(strip) for strip in strips(picture, borders)]
    before = [contrast(strip) for strip in strips(photo, borders)]
    natural = [contrast(strip) for strip in strips(photo, untouched(index, grid))]
    if not after or not natural:
        return None, None
    bound = np.quantile(natural, NATURAL)
    return fmean(after) - fmean(before), float(np.mean(np.array(after) > bound))
