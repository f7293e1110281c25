"""Metrics of probabilities, for many weightings of the pictures at once.

scikit-learn's ``roc_auc_score`` and torchmetrics' ``BinaryCalibrationError`` compute one value a
call; intervals need a thousand. The tests compare with both libraries.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of the expected calibration error, of equal width."""
Floats = NDArray[np.float64]


def auroc(scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> Floats:
    """Compute the probability that a flawed picture scores above a clean one; ties count half.

    Args:
        scores: (n,).
        positive: (n,) whether a picture is flawed.
        weights: (r, n): how often each picture counts.

    Returns:
        (r,); NaN where one of the classes has no weight.
    """
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)
    if not len(order):
        return np.full(len(weights), np.nan)
    ordered, flawed = weights[:, order], positive[order]
    positives = np.add.reduceat(ordered * flawed, starts, axis=1)
    negatives = np.add.reduceat(ordered * ~flawed, starts, axis=1)
    below = negatives.cumsum(1) - negatives
    wins = (positives * (below + negatives / 2)).sum(1)
    pairs = positives.sum(1) * negatives.sum(1)
    return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def calibration_error(
    probabilities: Floats, positive: NDArray[np.bool_], weights: Floats, bins: int = BINS
) -> Floats:
    """Compute the expected calibration error: the mean, over pictures, of the distance between
    mean probability and share of flawed pictures in the picture's bin.

    Args:
        probabilities: (n,), 0..1.
        positive: (n,).
        weights: (r, n).
        bins: number of bins.

    Returns:
        (r,); NaN where no picture has weight.
    """
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    members = np.eye(bins)[place]  # (n, bins)
    gaps = np.abs(weights @ (members * (probabilities - positive)[:, None])).sum(1)
    total = weights.sum(1)
    return np.divide(gaps, total, out=np.full(len(weights), np.nan), where=total > 0)
