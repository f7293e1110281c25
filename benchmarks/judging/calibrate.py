"""The judge's coefficients, from the calibration set's scores and verdicts.

    python -m benchmarks.judging.calibrate [--write]

fits `MEASURES`, says how the model does on photos that it was not fitted on (cross-validated), and
proposes the threshold; ``--write`` replaces
``stages/models/judge/features/coefficients.json``. Needs no pictures. The test set has
no part in it.
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
AIM = 0.9
"""Precision asked of the cross-validated threshold, where most lookers decide and a tie is not
right, as the report counts: 0.85 is promised, the rest is margin."""
DIGITS = 6
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """Results with the share of lookers who call each right."""

    rows: Sequence[Row]
    right: NDArray[np.float64]
    """(n,) 0..1: of those who looked."""

    def fit(self, chosen: NDArray[np.bool_] | None = None) -> Model:
        """The model of all results, or of the chosen ones."""
        at = range(len(self.rows)) if chosen is None else np.flatnonzero(chosen).tolist()
        return logistic.fit(
            [self.rows[i].tool for i in at],
            [self.rows[i].scores for i in at],
            [float(self.right[i]) for i in at],
            MEASURES,
            PENALTY,
        )


def labelled() -> Labelled:
    """The calibration set."""
    right = verdicts.shares(verdicts.load("calibration"))
    rows = [row for row in scores.load("calibration", "flaws").rows if row.name in right]
    return Labelled(rows, np.array([right[row.name] for row in rows], dtype=np.float64))


def cross_validated(found: Labelled) -> Probabilities:
    """(n,) each result's probability by models of other photos, mean over `ROUNDS` deals."""
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


def threshold(probability: Probabilities, right: NDArray[np.float64]) -> float:
    """The least probability, in steps of 0.01, whose precision is `AIM` or above: the best recall.

    Of all thresholds that keep half of what is right; where none reaches `AIM`, the one of the
    best precision.
    """
    grid = np.arange(0.05, 0.96, 0.01)
    kept = [(t, probability >= t) for t in grid]
    fair = [(t, k) for t, k in kept if right[k].sum() >= 0.5 * right.sum()]
    good = [t for t, k in fair if right[k].mean() >= AIM]
    best = max(fair, key=lambda pair: right[pair[1]].mean())[0]
    return round(float(good[0] if good else best), 2)


def rounded(model: Model, found: Labelled) -> Model:
    """With `DIGITS` significant digits, which any machine's last bits agree on, and its origin."""

    def short(value: float) -> float:
        return float(f"{value:.{DIGITS}g}")

    looks = {
        looker: sorted(look.name for look in rows.values() if look.right)
        for looker, rows in verdicts.load("calibration").items()
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
            "lookers": len(looks),
            "penalty": PENALTY,
            "verdicts": sha256(canonical_json(looks))[:16],
            **scores.load("calibration", "flaws").digests,
        },
    )


def main() -> None:
    """Print, and write on demand."""
    parser = argparse.ArgumentParser(description="Calibrate the compact judge.")
    parser.add_argument("--write", action="store_true", help="replace the committed coefficients")
    parser.add_argument("--out", type=Path, default=logistic.COEFFICIENTS)
    given = parser.parse_args()
    found = labelled()
    model = rounded(found.fit(), found)
    guess = cross_validated(found)
    right = (found.right > 0.5).astype(np.float64)
    least = threshold(guess, right)
    kept = guess >= least
    loss = -(found.right * np.log(guess) + (1 - found.right) * np.log(1 - guess)).mean()
    print(f"{len(found.rows)} results, {found.right.mean():.0%} right, log loss {loss:.3f}")
    print(
        f"probability {least}: precision {right[kept].mean():.1%}, "
        f"recall {right[kept].sum() / right.sum():.1%} (cross-validated over photos)"
    )
    for c in model.coefficients:
        print(f"  {c.measure:12} {c.weight:+.2f}")
    print("  " + ", ".join(f"{tool} {value:+.2f}" for tool, value in model.tools.items()))
    if given.write:
        write_atomically(given.out, pretty_json(model.model_dump(mode="json")))


if __name__ == "__main__":
    main()
