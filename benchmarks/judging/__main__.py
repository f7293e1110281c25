"""Evaluate the committed judge on the test set: precision, recall, null edits.

    python -m benchmarks.judging [--set calibration]

Prints markdown tables. Needs only the verdicts, scores, coefficients and ``params.yaml``. Intervals
are Wilson's, 95 %. On the calibration set the figures are optimistic: the model was fitted to its
verdicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sklearn.metrics import cohen_kappa_score

from benchmarks.judging import scores, verdicts
from benchmarks.judging.draw import SETS, SetName
from benchmarks.judging.scores import Row
from benchmarks.judging.verdicts import Verdict
from benchmarks.quality.compare import PROFILE, make_table
from flows.reviews.agreement import Share
from stages.catalogue import load_params
from stages.engine.workspace import Workspace
from stages.filter import bounds
from stages.filter.bounds import Distances
from stages.filter.params import Bounds, FilterParams
from stages.models import registry
from stages.models.judge.features import logistic
from stages.models.judge.features.judge import decide
from stages.models.judge.features.logistic import Model
from stages.models.judge.features.params import FeatureThresholds
from stages.tools import TOOLS


@dataclass(frozen=True)
class Decider:
    """The filter's decision on scores, without pictures."""

    limits: Bounds
    thresholds: FeatureThresholds
    model: Model

    def reason(self, row: Row) -> str:
        """Return the reject code, or ``ok``."""
        found = row.scores
        distances = Distances(found["lpips_real"], found["lpips_control"], found["lpips_mask"])
        reason, _ = bounds.check(row.tool, distances, self.limits)
        if reason != "ok":
            return reason
        probability = self.model.probability(row.tool, found)
        return decide({**found, "probability": probability}, self.thresholds)[0]

    def keeps(self, row: Row) -> bool:
        """Return whether the filter keeps the result."""
        return self.reason(row) == "ok"


def load_decider() -> Decider:
    """Load the checkout's params and coefficients."""
    params = load_params(Workspace.find().root)["filter"]
    assert isinstance(params, FilterParams)  # noqa: S101
    thresholds = registry.section("judge", PROFILE, params)
    assert isinstance(thresholds, FeatureThresholds)  # noqa: S101
    return Decider(params.lpips, thresholds, logistic.load())


def tabulate_quality(
    rows: Sequence[Row], right: Mapping[str, bool], keeps: Callable[[Row], bool]
) -> list[list[str]]:
    """Make table rows by tool and for all: results, right, kept, precision, recall."""
    found = []
    for tool in (*TOOLS, "all"):
        part = [row for row in rows if tool in ("all", row.tool) and row.name in right]
        kept = [row for row in part if keeps(row)]
        good = sum(right[row.name] for row in part)
        hits = sum(right[row.name] for row in kept)
        counts = [str(len(part)), str(good), str(len(kept))]
        found.append([tool, *counts, str(Share(hits, len(kept))), str(Share(hits, good))])
    return found


def tabulate_nulls(rows: Sequence[Row], keeps: Callable[[Row], bool]) -> list[list[str]]:
    """Make table rows by kind of null edit and for all: made, passed."""
    kinds = [*sorted({row.edit for row in rows}), "all"]
    found = []
    for kind in kinds:
        part = [row for row in rows if kind in ("all", row.edit)]
        found.append([kind, str(len(part)), str(Share(sum(map(keeps, part)), len(part)))])
    return found


def tabulate_agreement(verdicts: Mapping[str, Mapping[str, Verdict]]) -> list[list[str]]:
    """Make a table row for each pair of raters: results both saw, same verdict, Cohen's kappa."""
    found = []
    for (a, first), (b, second) in combinations(verdicts.items(), 2):
        both = [(first[name].right, second[name].right) for name in first if name in second]
        if not both:
            continue
        agreed = Share(sum(x == y for x, y in both), len(both))
        kappa = cohen_kappa_score(*zip(*both, strict=True))
        found.append([f"{a}, {b}", str(len(both)), str(agreed), f"{kappa:.2f}"])
    return found


def make_report(name: SetName) -> str:
    """Make the tables of one set."""
    decider, by_rater = load_decider(), verdicts.load(name)
    rows = scores.load(name, "flaws").rows
    head = ["tool", "results", "right", "kept", "precision", "recall"]
    majority = verdicts.decide_by_majority(by_rater)
    parts = [make_table(head, tabulate_quality(rows, majority, decider.keeps))]
    for rater, own in by_rater.items():
        right = {name: verdict.right for name, verdict in own.items()}
        line = tabulate_quality(rows, right, decider.keeps)[-1:]
        parts.append(make_table([f"by rater {rater} alone", *head[1:]], line))
    edits = scores.load(name, "nulls").rows
    nulls = tabulate_nulls(edits, decider.keeps)
    parts.append(make_table(["null edit", "made", "passed"], nulls))
    agreement = tabulate_agreement(by_rater)
    parts.append(make_table(["raters", "both saw", "same verdict", "kappa"], agreement))
    return "\n\n".join(parts)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Test the compact judge.")
    parser.add_argument("--set", choices=SETS, default="test")
    print(make_report(parser.parse_args().set))


if __name__ == "__main__":
    main()
