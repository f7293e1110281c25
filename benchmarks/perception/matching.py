"""Match predicted boxes with labels by intersection over union."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import binomtest

from benchmarks.perception.labels import Mark
from stages.records.documents import Box
from stages.records.masks import Mask


@dataclass(frozen=True)
class Outcome:
    """The outcome of one photo's predictions and labels of one kind."""

    right: tuple[bool | None, ...]
    """For each prediction: True = on a label, False = on none, None = on a difficult label."""
    found: tuple[bool | None, ...]
    """For each label: True = found, False = missed, None = difficult."""


def box_overlaps(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """Return (len(a), len(b)) intersections over unions of half-open boxes."""
    first = np.array(a, np.float64).reshape(-1, 1, 4)
    second = np.array(b, np.float64).reshape(1, -1, 4)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], -1) for boxes in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)


def mask_overlap(a: Mask, b: Mask) -> float:
    """Return the intersection over union of two (H, W) masks; 0 when both are empty."""
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def match(predicted: Sequence[Box], labels: Sequence[Mark], min_overlap: float) -> Outcome:
    """Pair boxes one to one so that the sum of the overlaps is maximal.

    Overlaps below `min_overlap` do not count. An unpaired prediction that lies on a difficult label
    is ignored, as in PASCAL VOC's development kit.
    """
    found: list[bool | None] = [None if mark.difficult else False for mark in labels]
    right: list[bool | None] = [False] * len(predicted)
    if not predicted or not labels:
        return Outcome(tuple(right), tuple(found))
    value = box_overlaps(predicted, [mark.box for mark in labels])
    value[value < min_overlap] = 0
    for row, column in zip(*linear_sum_assignment(-value), strict=True):
        if value[row, column] > 0:
            right[row] = None if labels[column].difficult else True
            found[column] = None if labels[column].difficult else True
    difficult = np.array([mark.difficult for mark in labels])
    for row, is_right in enumerate(right):
        if is_right is False and (value[row, difficult] > 0).any():
            right[row] = None
    return Outcome(tuple(right), tuple(found))


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (Wilson 1927); (0, 1) when `total` is 0."""
    if not total:
        return 0.0, 1.0
    interval = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def is_inside(centre: tuple[float, float], marks: Sequence[Mark]) -> bool:
    """Return whether a point lies in any of the labelled boxes, difficult or not."""
    x, y = centre
    return any(m.box[0] <= x < m.box[2] and m.box[1] <= y < m.box[3] for m in marks)
