"""A small classifier that tries to tell rendered strips from real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Matrix = NDArray[np.float64]
PENALTY = 1e-2
"""Of the squared weights, beside the mean loss."""


def fit(x: Matrix, y: Matrix) -> Matrix:
    """Logistic regression on standardised features: (d + 1,) weights, the last the intercept."""

    def loss(w: Matrix) -> tuple[float, Matrix]:
        score = x @ w[:-1] + w[-1]
        value = np.logaddexp(0, -(2 * y - 1) * score).mean() + PENALTY * (w[:-1] @ w[:-1])
        error = (expit(score) - y) / len(y)
        return float(value), np.concatenate([x.T @ error + 2 * PENALTY * w[:-1], [error.sum()]])

    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x


def half(key: str) -> int:
    """0 or 1: which half the photo of this key (hex digits) belongs to."""
    return int(key, 16) % 2


def accuracy(real: Matrix, rendered: Matrix, halves: NDArray[np.int64]) -> float:
    """Share of strips told apart, trained on one half of the photos, tested on the other.

    Mean of both ways; 0.5 is chance.

    Args:
        real: (n, d) features of real strips.
        rendered: (n, d) features of rendered ones, at the same places.
        halves: (n,) 0 or 1: the photo's half.
    """
    x = np.concatenate([real, rendered])
    y = np.repeat([0.0, 1.0], len(real))
    half = np.tile(halves, 2)
    found = []
    for test in (0, 1):
        train, seen = half != test, half == test
        mean, spread = x[train].mean(0), x[train].std(0) + 1e-9
        scaled = (x - mean) / spread
        weights = fit(scaled[train], y[train])
        told = (scaled[seen] @ weights[:-1] + weights[-1] > 0) == (y[seen] > 0.5)
        found.append(told.mean())
    return float(np.mean(found))
