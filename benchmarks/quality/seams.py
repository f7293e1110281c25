"""What the seam classifier sees of a strip across a token border (`judging.seams`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.models.judge.features.seams import REACH, Strip, contrast, profile
from stages.records.documents import TOKEN


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
