"""Choose thresholds on a validation set: each maximises one metric there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from applications.evaluation.columns import stack_pixels
from applications.evaluation.metrics.boxes import count_matches
from applications.evaluation.metrics.pixels import LEVELS, foreground_iou
from applications.evaluation.rows import Row
from applications.protocols import Thresholds

_TRIED = 100
"""Maximum number of box scores that are tried."""


def choose(rows: Sequence[Row], default: Thresholds) -> Thresholds:
    """Choose the thresholds with the highest balanced accuracy (picture), mean foreground IoU over
    localised pictures (pixel) and box F1 (region).

    One that the rows say nothing about keeps its default: without both classes, without localised
    pictures, or without boxes. Among equals the one nearest to the default is chosen.
    """
    return Thresholds(
        picture=_choose_picture(rows, default.picture),
        pixel=_choose_pixel(rows, default.pixel),
        region=_choose_region(rows, default.region),
    )


def _choose_picture(rows: Sequence[Row], default: float) -> float:
    answered = [row for row in rows if row.failure is None]
    values, flawed = (
        np.asarray([row.probability for row in answered]),
        np.asarray([row.example.label == "flawed" for row in answered], dtype=bool),
    )
    if not flawed.any() or flawed.all():
        return default
    known = np.unique(values)
    # Between two values the middle, so that a threshold also fits values that were not seen.
    tried = np.unique([0.0, 1.0, default, *(known[1:] + known[:-1]) / 2])
    yes = values >= tried[:, None]
    balanced = (yes[:, flawed].mean(1) + (~yes)[:, ~flawed].mean(1)) / 2
    return _best(tried, balanced, default)


def _choose_pixel(rows: Sequence[Row], default: float) -> float:
    localised = [row for row in rows if row.is_localised and row.has_mask]
    if not localised:
        return default
    means = foreground_iou(stack_pixels(localised)).mean(0)
    return _best(np.arange(LEVELS) / LEVELS, means, default)


def _choose_region(rows: Sequence[Row], default: float) -> float:
    localised = [row for row in rows if row.is_localised]
    scores = np.unique(np.concatenate([row.scores for row in localised] or [np.zeros(0)]))
    if not len(scores):
        return default
    tried = np.unique([default, *np.quantile(scores, np.linspace(0, 1, _TRIED), method="nearest")])
    return _best(tried, np.asarray([_box_f1(localised, float(t)) for t in tried]), default)


def _box_f1(rows: Sequence[Row], threshold: float) -> float:
    kept = [row.boxes[row.scores >= threshold] for row in rows]
    matched = sum(count_matches(boxes, row.truth) for boxes, row in zip(kept, rows, strict=True))
    return 2 * matched / max(1, sum(map(len, kept)) + sum(len(row.truth) for row in rows))


def _best(tried: np.ndarray, values: np.ndarray, default: float) -> float:
    best = tried[values >= values.max() - 1e-12]
    return float(best[np.abs(best - default).argmin()])
