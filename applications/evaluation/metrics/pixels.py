"""Compare heat maps with masks. A picture is kept as counts of pixels by level, so that every
threshold can be tried later without the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from applications.evaluation.example import Size
from applications.protocols import Box, Heat
from stages.records.masks import Mask

LEVELS = 256
"""Number of thresholds that are told apart: multiples of 1/256."""
Counts = NDArray[np.int64]
"""(..., 2, LEVELS): pixels outside and inside the true mask, by level of the heat map."""


def count_pixels(heat: Heat, truth: Mask) -> Counts:
    """Count the pixels of a heat map by level, outside and inside the mask: (2, LEVELS)."""
    levels = np.minimum((heat * LEVELS).astype(np.int64), LEVELS - 1) + LEVELS * truth
    return np.bincount(levels.ravel(), minlength=2 * LEVELS).reshape(2, LEVELS)


def level_of(threshold: float) -> int:
    """Return the first level at or above a threshold of 0..1."""
    return min(int(np.ceil(threshold * LEVELS)), LEVELS - 1)


def overlaps(counts: Counts) -> tuple[Counts, Counts]:
    """Return intersection and union of mask and pixels at or above each level.

    Args:
        counts: (n, 2, LEVELS).

    Returns:
        Two arrays (n, LEVELS).
    """
    marked = np.flip(np.flip(counts, -1).cumsum(-1), -1)
    intersection = marked[:, 1]
    return intersection, counts[:, 1].sum(-1, keepdims=True) + marked[:, 0]


def foreground_iou(counts: Counts) -> NDArray[np.float64]:
    """Compute the IoU of flawed pixels at each level: (n, LEVELS); 1 if both are empty."""
    intersection, union = overlaps(counts)
    return np.where(union > 0, intersection / np.maximum(union, 1), 1.0)


def background_iou(counts: Counts) -> NDArray[np.float64]:
    """Compute the IoU of the other pixels at each level: (n, LEVELS); 1 if both are empty."""
    intersection, union = overlaps(counts)
    total = counts.sum((-2, -1))[:, None]
    rest = total - intersection
    return np.where(rest > 0, (total - union) / np.maximum(rest, 1), 1.0)


def fill_boxes(boxes: Sequence[Box], scores: Sequence[float], size: Size) -> Heat:
    """Paint boxes with their scores into a heat map of (width, height); the highest score wins.

    Sides are rounded to the nearest pixel. A box is at least one pixel wide and high.
    """
    width, height = size
    heat: Heat = np.zeros((height, width), dtype=np.float32)
    for (x0, y0, x1, y1), score in zip(boxes, scores, strict=True):
        left, right = _span(x0, x1, width)
        top, bottom = _span(y0, y1, height)
        area = heat[top:bottom, left:right]
        np.maximum(area, np.float32(score), out=area)
    return heat


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    start = min(max(round(low), 0), size - 1)
    return start, min(max(round(high), start + 1), size)
