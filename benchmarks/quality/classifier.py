"""Train a small classifier to tell rendered strips from real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Matrix = NDArray[np.float64]
PENALTY = 1e-2
"""Factor of the squared weights, which are added to the mean loss."""


def fit(x: Matrix, y: Matrix) -> Matrix:
    """Fit a logistic regression on standardised features.

    Returns (d + 1,) weights; the last one is the intercept.
    """

    def loss(w: Matrix) -> tuple[float, Matrix]:
        score = x @ w[:-1] + w[-1]
        value = np.logaddexp(0, -(2 * y - 1) * score).mean() + PENALTY * (w[:-1] @ w[:-1])
        error = (expit(score) - y) / len(y)
        return float(value), np.concatenate([x.T @ error + 2 * PENALTY * w[:-1], [error.sum()]])

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x


def half_of(key: str) -> int:
    """Return the half, 0 or 1, of the photo with this key (hex digits)."""
    return int(key, 16) % 2


def measure_accuracy(real: Matrix, rendered: Matrix, halves: NDArray[np.int64]) -> float:
    """Return the share of strips classified correctly; 0.5 is chance.

    Trains on one half of the photos and tests on the other; the mean of both directions.

    Args:
        real: (n, d) features of real strips.
        rendered: (n, d) features of rendered strips at the same places.
        halves: (n,) 0 or 1: the half of the strip's photo.
    """
    x = np.concatenate([real, rendered])
    y = np.repeat([0.0, 1.0], len(real))
    half = np.tile(halves, 2)
    found = []
    for test in (0, 1):
        train, held = half != test, half == test
        mean, spread = x[train].mean(0), x[train].std(0) + 1e-9
        scaled = (x - mean) / spread
        weights = fit(scaled[train], y[train])
        correct = (scaled[held] @ weights[:-1] + weights[-1] > 0) == (y[held] > 0.5)
        found.append(correct.mean())
    return float(np.mean(found))
