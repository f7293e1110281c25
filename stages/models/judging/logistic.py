"""A calibrated logistic model: coefficients as data, a probability at run time, a fit for the calibration.

    p(right) = 1 / (1 + exp(-(b + sum_i w_i (x_i - m_i) / s_i)))

`fit` finds w and b by penalised maximum likelihood (ridge on w), which gives the same figures for
the same rows; the run time needs NumPy alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.engine.record import Document

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
Matrix = NDArray[np.float64]


class Coefficient(Document):
    """One measure's place in the model."""

    measure: str
    mean: float
    spread: float
    """Of the calibration half: the measure is standardised by these."""
    weight: float
    """Of the standardised measure, in log odds."""


class Model(Document):
    """What the judge weighs, and where it comes from."""

    intercept: float
    coefficients: list[Coefficient]
    provenance: dict[str, str | int | float]
    """What it was calibrated on: results, verdicts and weights, by number or digest."""

    def probability(self, scores: Mapping[str, float]) -> float:
        """Chance that a person calls the result right.

        Raises:
            KeyError: a measure is missing.
        """
        odds = self.intercept + sum(
            c.weight * (scores[c.measure] - c.mean) / c.spread for c in self.coefficients
        )
        return 1 / (1 + math.exp(-min(max(odds, -50.0), 50.0)))


def load(path: Path = COEFFICIENTS) -> Model:
    """The committed model.

    Raises:
        FileNotFoundError: the file is missing.
        ValidationError: it holds something else.
    """
    return Model.model_validate_json(path.read_text(encoding="utf-8"))


def fit(
    rows: Matrix, right: Matrix, measures: Sequence[str], penalty: float
) -> tuple[float, list[Coefficient]]:
    """Intercept and coefficients by ridge-penalised maximum likelihood (Newton's method).

    Args:
        rows: (n, d) measures.
        right: (n,) 0 or 1.
        measures: d names.
        penalty: of the squared weights, against the sum of the log losses; the intercept is free.
    """
    mean, spread = rows.mean(0), rows.std(0) + 1e-9
    x = np.column_stack([(rows - mean) / spread, np.ones(len(rows))])
    ridge = np.diag([penalty] * rows.shape[1] + [0.0])
    w = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -50, 50)))
        slope = x.T @ (p - right) + ridge @ w
        curve = x.T @ (x * (p * (1 - p))[:, None]) + ridge + 1e-9 * np.eye(len(w))
        step = np.linalg.solve(curve, slope)
        w -= step
        if np.abs(step).max() < 1e-10:
            break
    found = [
        Coefficient(measure=name, mean=m, spread=s, weight=value)
        for name, m, s, value in zip(
            measures, mean.tolist(), spread.tolist(), w[:-1].tolist(), strict=True
        )
    ]
    return float(w[-1]), found
