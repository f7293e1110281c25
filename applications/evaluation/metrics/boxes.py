"""Match found boxes with annotated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment

MATCH = 0.5
"""Minimum IoU of a match."""
Boxes = NDArray[np.float64]
"""(n, 4): x0, y0, x1, y1, half-open."""


def as_boxes(boxes: object) -> Boxes:
    """Return boxes as (n, 4) float64; (0, 4) if there are none."""
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def box_ious(found: Boxes, truth: Boxes) -> NDArray[np.float64]:
    """Compute the IoU of every found box with every annotated one: (n, m)."""
    if not len(found) or not len(truth):
        return np.zeros((len(found), len(truth)))
    first, second = (
        np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]) for boxes in (found, truth)
    )
    # The stubs know masks only.
    return np.asarray(coco.iou(first, second, [0] * len(truth)))  # pyright: ignore[reportArgumentType]


def count_matches(found: Boxes, truth: Boxes, minimum: float = MATCH) -> int:
    """Count the pairs of a one-to-one matching with as many IoUs of at least `minimum` as possible
    (Hungarian matching)."""
    hits = box_ious(found, truth) >= minimum
    rows, columns = linear_sum_assignment(hits, maximize=True)
    return int(hits[rows, columns].sum())
