"""Score the rows of one inspector: every metric with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from applications.evaluation.columns import Columns, Flags, Floats, make_columns
from applications.evaluation.metrics.intervals import Score, draw_weights, make_score
from applications.evaluation.metrics.ranking import auroc, calibration_error
from applications.evaluation.metrics.texts import Embedder, cosines, rouge_l
from applications.evaluation.rows import Row
from applications.evaluation.thresholds import choose
from applications.protocols import Thresholds

Scores = dict[str, Score]
CONTRASTS = (("artifact", "real"), ("artifact", "control"), ("control", "real"))
"""Roles whose pictures are told apart. An AUROC of control against real far from 0.5 means that the
inspector has learnt to see the autoencoder, not the flaw."""


@dataclass(frozen=True)
class Settings:
    """How intervals are estimated."""

    resamples: int = 1000
    seed: int = 0


class Scorer:
    """Scores the rows of one inspector."""

    def __init__(
        self,
        rows: Sequence[Row],
        thresholds: Thresholds,
        settings: Settings,
        embedder: Embedder | None = None,
    ) -> None:
        """Prepare the rows, at least one.

        Args:
            rows: of one inspector, about labelled pictures.
            thresholds: applied to every metric except the oracle's.
            settings: of the intervals.
            embedder: for CSS; None leaves it out.
        """
        self._rows, self._embedder = rows, embedder
        self._columns = make_columns(rows, thresholds)
        self._oracle = make_columns(rows, choose(rows, thresholds))
        self._weights = draw_weights(
            [row.example.group for row in rows], settings.resamples, settings.seed
        )

    def detection(self) -> Scores:
        """Score yes and no."""
        c = self._columns
        return {
            "accuracy": self._ratio(c.correct, np.ones_like(c.correct), ""),
            "balanced accuracy": self._balanced(c),
            "F1": self._f1(c),
            "AUROC": self._auroc(c.flawed, c.clean, "flawed", "clean"),
            "yes-rate": self._ratio(c.says_yes, ~c.failed, "answered"),
            "ECE": self._calibration(),
            "failures": self._ratio(c.failed, np.ones_like(c.failed), ""),
            "balanced accuracy (oracle threshold)": self._balanced(self._oracle),
            "F1 (oracle threshold)": self._f1(self._oracle),
        }

    def localisation(self) -> Scores:
        """Score places, on flawed pictures whose annotation says where."""
        c, oracle, where = self._columns, self._oracle, self._columns.localised
        boxed = where & (c.true_boxes > 0)
        mean = (c.foreground_iou + c.background_iou) / 2
        return {
            "IoU": self._ratio(c.foreground_iou, where, "localised"),
            "IoU pooled": self._pool(c.intersection, c.union, where),
            "fg-bg mean IoU (LEGION)": self._ratio(mean, where, "localised"),
            "box F1": self._box_f1(c, boxed),
            "box recall": self._pool(c.matched_boxes, c.true_boxes, boxed),
            "IoU (oracle threshold)": self._ratio(oracle.foreground_iou, where, "localised"),
            "box F1 (oracle threshold)": self._box_f1(oracle, boxed),
        }

    def false_alarms(self) -> dict[str, Scores]:
        """Score clean pictures by their role: the rate of yes, boxes per picture, and the share of
        pictures with a box. A failure counts as a yes."""
        c = self._columns
        alarm = c.says_yes | c.failed
        found: dict[str, Scores] = {}
        for role in dict.fromkeys(row.example.role for row in self._rows):
            of_role = np.asarray([row.example.role == role for row in self._rows]) & c.clean
            if of_role.any():
                found[role] = {
                    "false-alarm rate": self._ratio(alarm, of_role, role),
                    "false boxes per picture": self._ratio(c.found_boxes, of_role, role),
                    "pictures with a false box": self._ratio(c.found_boxes > 0, of_role, role),
                }
        return found

    def contrasts(self) -> Scores:
        """Score how well the probability tells pictures of one role from those of another."""
        roles = np.asarray([row.example.role for row in self._rows])
        return {
            f"{high} against {low}": self._auroc(roles == high, roles == low, high, low)
            for high, low in CONTRASTS
            if (roles == high).any() and (roles == low).any()
        }

    def texts(self) -> Scores:
        """Score explanations of flawed pictures that have a reference. A picture that is called
        clean, and one without an answer, gets 0."""
        c = self._columns
        wanted = c.flawed & np.asarray([bool(row.example.text) for row in self._rows])
        given = wanted & c.says_yes & np.asarray([bool(row.text.strip()) for row in self._rows])
        chosen = [row for row, use in zip(self._rows, given, strict=True) if use]
        references, texts = [r.example.text for r in chosen], [r.text for r in chosen]
        rouge = np.zeros(len(self._rows))
        rouge[given] = [rouge_l(*pair) for pair in zip(references, texts, strict=True)]
        scores = {"ROUGE-L": self._ratio(rouge, wanted, "explained")}
        if self._embedder is not None:
            css = np.zeros(len(self._rows))
            css[given] = cosines(references, texts, self._embedder)
            scores[f"CSS ({self._embedder.name})"] = self._ratio(css, wanted, "explained")
        return scores

    def _ratio(self, values: Flags | Floats, where: Flags, what: str) -> Score:
        """Score the mean of `values` over the pictures `where`."""
        return self._pool(np.asarray(values, dtype=np.float64), np.ones(len(where)), where, what)

    def _pool(self, values: Floats, sizes: Floats, where: Flags, what: str = "localised") -> Score:
        """Score the sum of `values` over the sum of `sizes`, over the pictures `where`."""
        shares = _divide(self._weights @ (values * where), self._weights @ (sizes * where))
        return make_score(shares, int(where.sum()), f"undefined: no {what} picture")

    def _rates(self, c: Columns) -> tuple[Floats, Floats]:
        """Return recall of the flawed and of the clean, (r,) each."""
        return (
            _divide(self._weights @ (c.correct & c.flawed), self._weights @ c.flawed),
            _divide(self._weights @ (c.correct & c.clean), self._weights @ c.clean),
        )

    def _balanced(self, c: Columns) -> Score:
        recall, specificity = self._rates(c)
        return make_score(
            (recall + specificity) / 2,
            len(c.flawed),
            _one_class(c.flawed, c.clean, "flawed", "clean"),
        )

    def _f1(self, c: Columns) -> Score:
        """Score F1 of the flawed. A failure on a clean picture counts as a false yes."""
        hit = self._weights @ (c.correct & c.flawed)
        false = self._weights @ (c.clean & ~c.correct)
        flawed = self._weights @ c.flawed
        values = _divide(2 * hit, hit + false + flawed)
        values = np.where(flawed > 0, values, np.nan)
        return make_score(values, len(c.flawed), "undefined: no flawed picture")

    def _auroc(self, high: Flags, low: Flags, high_name: str, low_name: str) -> Score:
        used = high | low
        values = auroc(self._columns.probability[used], high[used], self._weights[:, used])
        return make_score(values, int(used.sum()), _one_class(high, low, high_name, low_name))

    def _calibration(self) -> Score:
        c = self._columns
        used = ~c.failed
        values = calibration_error(c.probability[used], c.flawed[used], self._weights[:, used])
        return make_score(values, int(used.sum()), "undefined: no answered picture")

    def _box_f1(self, c: Columns, where: Flags) -> Score:
        return self._pool(2 * c.matched_boxes, c.found_boxes + c.true_boxes, where)


def score_by(
    rows: Sequence[Row], fact: str, thresholds: Thresholds, settings: Settings
) -> dict[str, Scores]:
    """Score by the values of a fact: the flawed pictures of a value against all clean pictures.

    A clean picture that has the fact too (a control has its pair's tool) counts for its value only.
    """
    found: dict[str, Scores] = {}
    for value in sorted({row.example.facts.get(fact, "") for row in rows} - {""}):
        chosen = [row for row in rows if _belongs(row, fact, value)]
        if not any(row.example.label == "flawed" for row in chosen):
            continue
        scorer = Scorer(chosen, thresholds, settings)
        flawed = [row for row in chosen if row.example.label == "flawed"]
        recall = Scorer(flawed, thresholds, settings).detection()["accuracy"]
        detection, places = scorer.detection(), scorer.localisation()
        found[value] = {
            "AUROC": detection["AUROC"],
            "recall": recall,
            "IoU": places["IoU"],
            "box F1": places["box F1"],
            "box recall": places["box recall"],
        }
    return found


def _belongs(row: Row, fact: str, value: str) -> bool:
    own = row.example.facts.get(fact, "")
    return own == value or (row.example.label == "clean" and not own)


def _divide(values: Floats, sizes: Floats) -> Floats:
    return np.divide(values, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)


def _one_class(high: Flags, low: Flags, high_name: str, low_name: str) -> str:
    if high.any() and low.any():
        return ""
    return f"undefined: no {low_name if high.any() else high_name} picture"
