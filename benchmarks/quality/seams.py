"""Compute the seam classifier's features of a strip across a token border (`judging.seams`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.models.judge.features.seams import REACH, Strip, contrast, profile
from stages.records.documents import TOKEN


def features(strip: Strip) -> NDArray[np.float64]:
    """Compute a strip's features: profiles, jumps, and the difference of the sides."""
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
            [_uniformity(strip)],
            [_log_distance(_energy(before), _energy(after)), np.log1p(_energy(strip))],
            _correlations(strip),
        ]
    )


def _uniformity(strip: Strip) -> float:
    """Return how uniform the step along the border is: 1 = the same everywhere."""
    step = strip[REACH] - strip[REACH - 1]
    return float(np.abs(step.mean(0)).sum() / (np.abs(step).mean(0).sum() + 1))


def _energy(piece: Strip) -> float:
    """Return the mean absolute step of a piece in both directions."""
    return float(np.abs(np.diff(piece, axis=0)).mean() + np.abs(np.diff(piece, axis=1)).mean())


def _log_distance(a: float, b: float) -> float:
    return abs(float(np.log((a + 0.5) / (b + 0.5))))


def _correlations(strip: Strip) -> list[float]:
    """Return the correlation of the two lines at the border, and the mean of those beside it."""
    lines = strip.mean(2)
    lines = lines - lines.mean(1, keepdims=True)
    norms = np.linalg.norm(lines, axis=1) + 1
    near = (lines[1:] * lines[:-1]).sum(1) / (norms[1:] * norms[:-1])
    return [float(near[REACH - 1]), float(np.delete(near, REACH - 1).mean())]
