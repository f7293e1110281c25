"""Seams: does the picture break along the borders where the mapping tears?

A border is one side of a token (16 px) at which the mapping tears: the two tokens beside it take
their appearance from places that are not neighbours. Along its normal, `profile` gives the mean
absolute step between neighbouring pixels at each distance. ``contrast`` is the step on the border
against the steps beside it, as a logarithm: about 0 where nothing happens on the border.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.engine.record import TOKEN
from stages.inject.tokens import Index
from stages.models.protocols import Image

REACH = 12
"""Pixels on either side of a border that are looked at."""
BESIDE = slice(3, 9)
"""Distances in pixels whose steps stand for the surroundings."""
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


def features(strip: Strip) -> NDArray[np.float64]:
    """What the seam classifier sees of a strip: profiles, jumps, and how the sides differ."""
    steps = profile(strip)
    around = (steps[REACH - 4 : REACH + 3] + 1) / (steps.mean() + 1)
    before, after = strip[:REACH], strip[REACH:]
    jump = np.abs(strip[REACH] - strip[REACH - 1]).reshape(TOKEN, 3)
    bend = np.abs(strip[REACH + 1] - strip[REACH] - strip[REACH - 1] + strip[REACH - 2]).mean()
    level = np.abs(before.mean((0, 1)) - after.mean((0, 1)))
    return np.concatenate(
        [
            np.log(around),
            [contrast(strip)],
            np.log1p(level),
            np.log1p([jump.mean(), jump.min(), jump.std(), np.abs(jump.mean(0)).max(), bend]),
            [_uniform(strip)],
            [_apart(_energy(before), _energy(after)), np.log1p(_energy(strip))],
            _likeness(strip),
        ]
    )


def _uniform(strip: Strip) -> float:
    """How much one and the same step runs along the whole border: 1 = everywhere."""
    step = strip[REACH] - strip[REACH - 1]
    return float(np.abs(step.mean(0)).sum() / (np.abs(step).mean(0).sum() + 1))


def _energy(piece: Strip) -> float:
    """Mean absolute step in a piece, both ways."""
    return float(np.abs(np.diff(piece, axis=0)).mean() + np.abs(np.diff(piece, axis=1)).mean())


def _apart(a: float, b: float) -> float:
    return abs(float(np.log((a + 0.5) / (b + 0.5))))


def _likeness(strip: Strip) -> list[float]:
    """Correlation of the two lines at the border, and the mean of neighbouring lines beside it."""
    lines = strip.mean(2)
    lines = lines - lines.mean(1, keepdims=True)
    norms = np.linalg.norm(lines, axis=1) + 1
    near = (lines[1:] * lines[:-1]).sum(1) / (norms[1:] * norms[:-1])
    return [float(near[REACH - 1]), float(np.delete(near, REACH - 1).mean())]
