"""Fit the judge's coefficients to the calibration set's scores and verdicts.

    python -m benchmarks.judging.calibrate [--write]

Fits `MEASURES`, prints how the model does on photos that it was not fitted on (cross-validated),
and proposes the threshold; ``--write`` replaces ``stages/models/judge/features/coefficients.json``.
Needs no pictures and does not use the test set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.judging import scores, verdicts
from benchmarks.judging.scores import Row
from stages.engine.files import canonical_json, pretty_json, sha256, write_atomically
from stages.models.judge.features import logistic
from stages.models.judge.features.logistic import Model
from stages.records.seeding import generator

MEASURES = ("positional", "size", "delivered_texture", "solid")
"""Chosen on the calibration set (docs/judging.md)."""
PENALTY = 6.0
FOLDS, ROUNDS = 7, 10
MIN_PRECISION = 0.9
"""Precision that the cross-validated threshold must reach. As in the report, the majority of the
raters decides and a tie is not right. 0.85 is promised, the rest is margin."""
DIGITS = 6
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Results with the share of raters who call each right."""

    rows: Sequence[Row]
    right: NDArray[np.float64]
    """(n,) 0..1: share of the result's raters."""

    def fit(self, chosen: NDArray[np.bool_] | None = None) -> Model:
        """Fit the model to all results, or to the chosen ones."""
        at = range(len(self.rows)) if chosen is None else np.flatnonzero(chosen).tolist()
        return logistic.fit(
            [self.rows[i].tool for i in at],
            [self.rows[i].scores for i in at],
            [float(self.right[i]) for i in at],
            MEASURES,
            PENALTY,
        )


def load_labelled() -> Labelled:
    """Load the calibration set."""
    right = verdicts.compute_shares(verdicts.load("calibration"))
    rows = [row for row in scores.load("calibration", "flaws").rows if row.name in right]
    return Labelled(rows, np.array([right[row.name] for row in rows], dtype=np.float64))


def cross_validate(found: Labelled) -> Probabilities:
    """Return (n,) the probability by models of other photos, mean over `ROUNDS` splits."""
    photos = sorted({row.name.partition("-")[0] for row in found.rows})
    total = np.zeros(len(found.rows))
    for turn in range(ROUNDS):
        order = generator(turn, "folds").permutation(len(photos))
        fold = {photos[i]: place % FOLDS for place, i in enumerate(order)}
        of_row = np.array([fold[row.name.partition("-")[0]] for row in found.rows])
        for test in range(FOLDS):
            model = found.fit(of_row != test)
            for i in np.flatnonzero(of_row == test).tolist():
                total[i] += model.probability(found.rows[i].tool, found.rows[i].scores)
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


def round_model(model: Model, found: Labelled) -> Model:
    """Round to `DIGITS` significant digits, the same on all machines, and add the provenance."""

    def short(value: float) -> float:
        return float(f"{value:.{DIGITS}g}")

    right = {
        rater: sorted(verdict.name for verdict in rows.values() if verdict.right)
        for rater, rows in verdicts.load("calibration").items()
    }
    return Model(
        intercept=short(model.intercept),
        tools={tool: short(value) for tool, value in model.tools.items()},
        coefficients=[
            c.model_copy(
                update={name: short(getattr(c, name)) for name in ("mean", "spread", "weight")}
            )
            for c in model.coefficients
        ],
        provenance={
            "results": len(found.rows),
            "right": float(found.right.sum()),
            "lookers": len(right),
            "penalty": PENALTY,
            "verdicts": sha256(canonical_json(right))[:16],
            **scores.load("calibration", "flaws").digests,
        },
    )


def main() -> None:
    """Print the model and its figures, and write the coefficients on demand."""
    parser = argparse.ArgumentParser(description="Calibrate the compact judge.")
    parser.add_argument("--write", action="store_true", help="replace the committed coefficients")
    parser.add_argument("--out", type=Path, default=logistic.COEFFICIENTS)
    args = parser.parse_args()
    found = load_labelled()
    model = round_model(found.fit(), found)
    guess = cross_validate(found)
    right = (found.right > 0.5).astype(np.float64)
    threshold = choose_threshold(guess, right)
    kept = guess >= threshold
    loss = -(found.right * np.log(guess) + (1 - found.right) * np.log(1 - guess)).mean()
    print(f"{len(found.rows)} results, {found.right.mean():.0%} right, log loss {loss:.3f}")
    print(
        f"probability {threshold}: precision {right[kept].mean():.1%}, "
        f"recall {right[kept].sum() / right.sum():.1%} (cross-validated over photos)"
    )
    for c in model.coefficients:
        print(f"  {c.measure:12} {c.weight:+.2f}")
    print("  " + ", ".join(f"{tool} {value:+.2f}" for tool, value in model.tools.items()))
    if args.write:
        write_atomically(args.out, pretty_json(model.model_dump(mode="json")))


if __name__ == "__main__":
    main()
