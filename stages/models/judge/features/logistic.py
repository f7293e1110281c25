"""Calibrated logistic model: coefficients as data, prediction and fit.

    p(right) = 1 / (1 + exp(-(b + b_tool + sum_i w_i (x_i - m_i) / s_i)))

`fit` finds b and w by penalised maximum likelihood (ridge on w and b_tool) with Newton's method, so
that the same rows give the same numbers. Prediction does not need NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import Document
from stages.tools import TOOLS, Tool

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
STEPS = 100
"""Maximum number of Newton steps; a few are enough."""
Matrix = NDArray[np.float64]


class Coefficient(Document):
    """Coefficient of one measure."""

    measure: str
    mean: float
    spread: float
    """Mean and standard deviation over the calibration set; they standardise the measure."""
    weight: float
    """Weight of the standardised measure, in log odds."""


class Model(Document):
    """A fitted model and its provenance."""

    intercept: float
    tools: dict[Tool, float]
    """Offset in log odds, by tool; the judge is for these tools alone."""
    coefficients: list[Coefficient]
    provenance: dict[str, str | int | float]
    """Calibration data: numbers and digests."""

    def probability(self, tool: Tool, scores: Mapping[str, float]) -> float:
        """Compute the probability that a person calls the result right.

        Raises:
            KeyError: a measure is missing.
        """
        odds = self.intercept + self.tools[tool]
        for c in self.coefficients:
            odds += c.weight * (scores[c.measure] - c.mean) / c.spread
        return 1 / (1 + math.exp(-min(max(odds, -50.0), 50.0)))


def load(path: Path = COEFFICIENTS) -> Model:
    """Load the committed model.

    Raises:
        FileNotFoundError: the file is missing.
        ValidationError: the file is not such a model.
    """
    return Model.model_validate_json(path.read_text(encoding="utf-8"))


def fit(
    tools: Sequence[Tool],
    rows: Sequence[Mapping[str, float]],
    right: Sequence[float],
    measures: Sequence[str],
    penalty: float,
) -> Model:
    """Fit a model by Newton's method; the result has no provenance.

    Args:
        tools: tool of each result.
        rows: measures of each result.
        right: 0 or 1, or the share of people who call the result right.
        measures: names of the measures to use.
        penalty: penalty of the squared weights, relative to the sum of the log losses.
    """
    values = np.array([[row[name] for name in measures] for row in rows], dtype=np.float64)
    mean, spread = values.mean(0), values.std(0) + 1e-9
    seen = [name for name in TOOLS if name in tools]
    which = np.array([[tool == name for name in seen] for tool in tools], dtype=np.float64)
    x = np.column_stack([(values - mean) / spread, which, np.ones(len(values))])
    ridge = np.diag([penalty] * (x.shape[1] - 1) + [0.0])
    y, w = np.asarray(right, dtype=np.float64), np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -50, 50)))
        slope = x.T @ (p - y) + ridge @ w
        curve = x.T @ (x * (p * (1 - p))[:, None]) + ridge + 1e-9 * np.eye(len(w))
        step = np.linalg.solve(curve, slope)
        w -= step
        if np.abs(step).max() < 1e-10:
            break
    numbers = zip(measures, mean.tolist(), spread.tolist(), w.tolist(), strict=False)
    return Model(
        intercept=float(w[-1]),
        tools=dict(zip(seen, w[len(measures) : -1].tolist(), strict=True)),
        coefficients=[
            Coefficient(measure=name, mean=m, spread=s, weight=weight)
            for name, m, s, weight in numbers
        ],
        provenance={},
    )
