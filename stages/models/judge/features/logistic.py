"""A calibrated logistic model: coefficients as data, a probability at run time, and the fit.

    p(right) = 1 / (1 + exp(-(b + b_tool + sum_i w_i (x_i - m_i) / s_i)))

`fit` finds b and w by penalised maximum likelihood (ridge on w and b_tool), in closed steps: the
same rows give the same figures. At run time NumPy is not even needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import TOOLS, Document, Tool

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
STEPS = 100
"""Newton steps at most; a handful is needed."""
Matrix = NDArray[np.float64]


class Coefficient(Document):
    """One measure's place in the model."""

    measure: str
    mean: float
    spread: float
    """Of the calibration set: the measure is standardised by these."""
    weight: float
    """Of the standardised measure, in log odds."""


class Model(Document):
    """What the judge weighs, and where that comes from."""

    intercept: float
    tools: dict[Tool, float]
    """Log odds on top, by tool."""
    coefficients: list[Coefficient]
    provenance: dict[str, str | int | float]
    """What it was calibrated on: numbers and digests."""

    def probability(self, tool: Tool, scores: Mapping[str, float]) -> float:
        """Chance, 0..1, that a person calls the result right.

        Raises:
            KeyError: a measure is missing.
        """
        odds = self.intercept + self.tools[tool]
        for c in self.coefficients:
            odds += c.weight * (scores[c.measure] - c.mean) / c.spread
        return 1 / (1 + math.exp(-min(max(odds, -50.0), 50.0)))


def load(path: Path = COEFFICIENTS) -> Model:
    """The committed model.

    Raises:
        FileNotFoundError: the file is missing.
        ValidationError: it holds something else.
    """
    return Model.model_validate_json(path.read_text(encoding="utf-8"))


def fit(
    tools: Sequence[Tool],
    rows: Sequence[Mapping[str, float]],
    right: Sequence[float],
    measures: Sequence[str],
    penalty: float,
) -> Model:
    """The model of these results, by Newton's method; without provenance.

    Args:
        tools: of each result.
        rows: its measures.
        right: 0 or 1, or the share of people who call it right.
        measures: those to weigh.
        penalty: of the squared weights, against the sum of the log losses.
    """
    values = np.array([[row[name] for name in measures] for row in rows], dtype=np.float64)
    mean, spread = values.mean(0), values.std(0) + 1e-9
    which = np.array([[tool == name for name in TOOLS] for tool in tools], dtype=np.float64)
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
        tools=dict(zip(TOOLS, w[len(measures) : -1].tolist(), strict=True)),
        coefficients=[
            Coefficient(measure=name, mean=m, spread=s, weight=weight)
            for name, m, s, weight in numbers
        ],
        provenance={},
    )
