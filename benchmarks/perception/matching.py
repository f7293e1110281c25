"""Which prediction is which label: boxes matched by intersection over union."""

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
    """What became of one photo's predictions and labels of one kind."""

    right: tuple[bool | None, ...]
    """A prediction: True = on a label, False = on nothing, None = on a difficult one."""
    found: tuple[bool | None, ...]
    """A label: True = found, False = missed, None = difficult."""


def overlaps(a: Sequence[Box], b: Sequence[Box]) -> NDArray[np.float64]:
    """(len(a), len(b)) intersection over union of half-open boxes."""
    first = np.array(a, np.float64).reshape(-1, 1, 4)
    second = np.array(b, np.float64).reshape(1, -1, 4)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(boxes[..., 2:] - boxes[..., :2], -1) for boxes in (first, second)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union of two (H, W) masks; 0 when both are empty."""
    return float((a & b).sum() / max(int((a | b).sum()), 1))


def match(predicted: Sequence[Box], labels: Sequence[Mark], least: float) -> Outcome:
    """Pair boxes one to one so that the sum of overlaps of at least `least` is greatest.

    A prediction left over that lies on a difficult label is ignored too, as PASCAL VOC's
    development kit does.
    """
    found: list[bool | None] = [None if mark.difficult else False for mark in labels]
    right: list[bool | None] = [False] * len(predicted)
    if not predicted or not labels:
        return Outcome(tuple(right), tuple(found))
    value = overlaps(predicted, [mark.box for mark in labels])
    value[value < least] = 0
    for row, column in zip(*linear_sum_assignment(-value), strict=True):
        if value[row, column] > 0:
            right[row] = None if labels[column].difficult else True
            found[column] = None if labels[column].difficult else True
    difficult = np.array([mark.difficult for mark in labels])
    for row, is_right in enumerate(right):
        if is_right is False and (value[row, difficult] > 0).any():
            right[row] = None
    return Outcome(tuple(right), tuple(found))


def wilson(count: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if not total:
        return 0.0, 1.0
    interval = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def inside(centre: tuple[float, float], marks: Sequence[Mark]) -> bool:
    """Whether a point lies in any of the labelled boxes, difficult or not."""
    x, y = centre
    return any(m.box[0] <= x < m.box[2] and m.box[1] <= y < m.box[3] for m in marks)
