"""Calibrate the compact judge: fit its logistic model to what people say, and judge the fit.

Used by `flawfactory judge fit`, not by the judge (docs/judging.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from stages.models.judge.features import logistic
from stages.models.judge.features.logistic import Model
from stages.records.seeding import generator
from stages.tools import Tool

MEASURES = ("positional", "size", "delivered_texture", "solid")
"""Chosen on the calibration set (docs/judging.md)."""
PENALTY = 6.0
FOLDS, ROUNDS = 7, 10
MIN_PRECISION = 0.9
"""Precision that the cross-validated threshold must reach. The majority of the reviewers decides
and a tie is not right. 0.85 is promised, the rest is margin."""
DIGITS = 6
MIN_FLAWS, MIN_OF_CLASS, MIN_OF_TOOL, MIN_PHOTOS = 50, 10, 5, 2 * FOLDS
"""Minimum numbers for a fit: flaws, right and wrong ones, flaws of each tool, photos."""
Probabilities = NDArray[np.float64]


class Scored(BaseModel):
    """The scores of one flaw."""

    model_config = ConfigDict(frozen=True)
    name: str
    """``<photo key>-<variant id>``"""
    tool: Tool
    sha256: str
    """Digest of the flaw's PNG; empty for null edits."""
    scores: dict[str, float]
    """Every number of the filter except the probability; only LPIPS where its bounds refuse
    already."""

    @property
    def photo(self) -> str:
        """Key of the photo."""
        return self.name.partition("-")[0]


class ScoreFile(BaseModel):
    """Scores of flaws, as `benchmarks.judging.scores` writes them."""

    model_config = ConfigDict(frozen=True)
    digests: dict[str, str]
    """Digests of the models and params that made and measured the pictures."""
    rows: list[Scored]


@dataclass(frozen=True)
class Labelled:
    """Flaws with the share of reviewers who call each right."""

    rows: Sequence[Scored]
    right: NDArray[np.float64]
    """(n,) 0..1: share of the flaw's reviewers."""

    @property
    def majority(self) -> NDArray[np.bool_]:
        """(n,) whether the majority calls it right; a tie is not right."""
        return self.right > 0.5

    @property
    def photos(self) -> list[str]:
        """Keys of the photos, sorted."""
        return sorted({row.photo for row in self.rows})

    def fit(self, chosen: NDArray[np.bool_] | None = None) -> Model:
        """Fit the model to all flaws, or to the chosen ones."""
        at = range(len(self.rows)) if chosen is None else np.flatnonzero(chosen).tolist()
        return logistic.fit(
            [self.rows[i].tool for i in at],
            [self.rows[i].scores for i in at],
            [float(self.right[i]) for i in at],
            MEASURES,
            PENALTY,
        )

    def predict(self, model: Model) -> Probabilities:
        """Return (n,) the probability by `model`; a tool that it does not know has no offset."""
        tools = {row.tool: 0.0 for row in self.rows} | model.tools
        known = model.model_copy(update={"tools": tools})
        return np.array([known.probability(row.tool, row.scores) for row in self.rows])


def find_shortages(found: Labelled, tools: Sequence[Tool]) -> list[str]:
    """Return what is missing for a fit, one text each; empty if nothing is.

    Args:
        found: the flaws to fit to.
        tools: the tools that the model is for.
    """
    right = int(found.majority.sum())
    of_tool = {tool: sum(row.tool == tool for row in found.rows) for tool in tools}
    numbers = {
        "marked flaws": (len(found.rows), MIN_FLAWS),
        "accepted": (right, MIN_OF_CLASS),
        "rejected": (len(found.rows) - right, MIN_OF_CLASS),
        "photos": (len(found.photos), MIN_PHOTOS),
        **{f"of {tool}": (count, MIN_OF_TOOL) for tool, count in of_tool.items()},
    }
    return [
        f"{what}: {count}, at least {minimum} are needed"
        for what, (count, minimum) in numbers.items()
        if count < minimum
    ]


def cross_validate(found: Labelled) -> Probabilities:
    """Return (n,) the probability by models of other photos, mean over `ROUNDS` splits."""
    photos = found.photos
    total = np.zeros(len(found.rows))
    for turn in range(ROUNDS):
        order = generator(turn, "folds").permutation(len(photos))
        fold = {photos[i]: place % FOLDS for place, i in enumerate(order)}
        of_row = np.array([fold[row.photo] for row in found.rows])
        for test in range(FOLDS):
            held = of_row == test
            total[held] += found.predict(found.fit(~held))[held]
    return total / ROUNDS


def choose_threshold(probability: Probabilities, right: NDArray[np.float64]) -> float:
    """Return the minimum probability, in steps of 0.01, with a precision of `MIN_PRECISION`.

    The minimum gives the best recall. Only thresholds that keep half of what is right are
    considered; where none of them reaches `MIN_PRECISION`, the one with the best precision is
    returned.
    """
    grid = np.arange(0.05, 0.96, 0.01)
    kept = [(t, probability >= t) for t in grid]
    fair = [(t, k) for t, k in kept if right[k].sum() >= 0.5 * right.sum()]
    good = [t for t, k in fair if right[k].mean() >= MIN_PRECISION]
    best = max(fair, key=lambda pair: right[pair[1]].mean())[0]
    return round(float(good[0] if good else best), 2)


def round_model(model: Model, provenance: Mapping[str, str | int | float]) -> Model:
    """Round to `DIGITS` significant digits, the same on all machines, and add the provenance."""

    def short(value: float) -> float:
        return float(f"{value:.{DIGITS}g}")

    return Model(
        intercept=short(model.intercept),
        tools={tool: short(value) for tool, value in model.tools.items()},
        coefficients=[
            c.model_copy(
                update={name: short(getattr(c, name)) for name in ("mean", "spread", "weight")}
            )
            for c in model.coefficients
        ],
        provenance=dict(provenance),
    )
