"""Calibrate the inspector on pictures that it was not trained on, and choose its threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from applications.evaluation.metrics.boxes import Boxes, as_boxes, count_matches
from applications.inspectors.compact.predict import Heat, find_regions
from applications.inspectors.compact.weights import Platt
from stages.records.masks import Mask

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(2, 19))
"""Candidates for the thresholds of pixels and regions."""


def fit_platt(logits: NDArray[np.floating], flawed: NDArray[np.bool_]) -> Platt:
    """Fit Platt's calibration with both classes weighted alike.

    Args:
        logits: (N,).
        flawed: (N,).

    Raises:
        ValueError: one class only, or the logits do not rise with the flaws.
    """
    if len(set(flawed.tolist())) < 2:
        raise ValueError("calibration needs flawed and clean pictures")
    model = LogisticRegression(class_weight="balanced").fit(logits[:, None], flawed)
    slope = float(model.coef_[0, 0])
    if slope <= 0:
        raise ValueError("the scores of flawed pictures are not higher than those of clean ones")
    return Platt(slope=slope, offset=float(model.intercept_[0]))


def choose_pixel_threshold(
    heats: Sequence[NDArray[np.floating]],
    masks: Sequence[Mask],
    thresholds: Sequence[float] = THRESHOLDS,
) -> float:
    """Return the threshold with the highest foreground IoU, mean over flawed pictures.

    Args:
        heats: (H, W) probabilities of each picture.
        masks: (H, W) flawed pixels of each picture.
        thresholds: candidates; the first of equal ones wins.
    """
    pictures = list(zip(heats, masks, strict=True))
    found = [
        np.mean([_iou(heat >= threshold, mask) for heat, mask in pictures])
        for threshold in thresholds
    ]
    return thresholds[int(np.argmax(found))]


def choose_region_thresholds(
    heats: Sequence[Heat],
    truth: Sequence[Boxes],
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[float, float]:
    """Return where to cut a heat map into regions and from which score on a region counts.

    They give the highest F1 of boxes at IoU 0.5, counts pooled over flawed pictures.

    Args:
        heats: of flawed pictures.
        truth: (n, 4) boxes of each picture's flaws.
        thresholds: candidates for both; the first of equal ones wins.
    """
    best, chosen = -1.0, (thresholds[0], thresholds[0])
    for cut in thresholds:
        found = [find_regions(heat, cut) for heat in heats]
        for least in (threshold for threshold in thresholds if threshold >= cut):
            kept = [as_boxes([r.box for r in regions if r.score >= least]) for regions in found]
            hits = sum(count_matches(a, b) for a, b in zip(kept, truth, strict=True))
            f1 = 2 * hits / max(1, sum(map(len, kept)) + sum(map(len, truth)))
            if f1 > best:
                best, chosen = f1, (cut, least)
    return chosen


def _iou(found: Mask, true: Mask) -> float:
    union = int((found | true).sum())
    return int((found & true).sum()) / union if union else 1.0
