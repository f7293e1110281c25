"""How good the committed judge is on the test set: precision, recall, null edits.

    python -m benchmarks.judging [--set calibration]

prints markdown. Verdicts, scores, coefficients and ``params.yaml`` are all that it needs. Intervals
are Wilson's, 95 %. On the calibration set the figures flatter: the model has seen its verdicts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.stats import binomtest

from benchmarks.judging import scores, verdicts
from benchmarks.judging.draw import SETS, SetName
from benchmarks.judging.scores import Row
from benchmarks.judging.verdicts import Look
from benchmarks.quality.compare import table
from stages.catalogue import load_params
from stages.engine.workspace import Workspace
from stages.filter import bounds
from stages.filter.bounds import Distances
from stages.filter.params import FilterParams
from stages.models.judge.features import logistic
from stages.models.judge.features.judge import decide
from stages.models.judge.features.logistic import Model
from stages.records.documents import TOOLS


@dataclass(frozen=True)
class Decider:
    """The filter, from numbers alone."""

    params: FilterParams
    model: Model

    def reason(self, row: Row) -> str:
        """Reject code, or ``ok``."""
        found = row.scores
        distances = Distances(found["lpips_real"], found["lpips_control"], found["lpips_mask"])
        reason, _ = bounds.check(row.tool, distances, self.params.lpips)
        if reason != "ok":
            return reason
        probability = self.model.probability(row.tool, found)
        return decide({**found, "probability": probability}, self.params.features)[0]

    def passed(self, row: Row) -> bool:
        """Whether the filter keeps it."""
        return self.reason(row) == "ok"


def committed() -> Decider:
    """The checkout's."""
    params = load_params(Workspace.find().root)["filter"]
    assert isinstance(params, FilterParams)  # noqa: S101
    return Decider(params, logistic.load())


def share(hits: int, of: int) -> str:
    """A share with its interval."""
    if not of:
        return "none"
    found = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.0%} ({found.low:.0%} to {found.high:.0%})"


def quality(
    rows: Sequence[Row], right: Mapping[str, bool], passed: Callable[[Row], bool]
) -> list[list[str]]:
    """Table rows by tool and for all: results, right, kept, precision, recall."""
    found = []
    for tool in (*TOOLS, "all"):
        part = [row for row in rows if tool in ("all", row.tool) and row.name in right]
        kept = [row for row in part if passed(row)]
        good = sum(right[row.name] for row in part)
        hits = sum(right[row.name] for row in kept)
        counts = [str(len(part)), str(good), str(len(kept))]
        found.append([tool, *counts, share(hits, len(kept)), share(hits, good)])
    return found


def nulls(rows: Sequence[Row], passed: Callable[[Row], bool]) -> list[list[str]]:
    """Table rows by kind of null edit and for all: made, passed."""
    kinds = [*sorted({row.edit for row in rows}), "all"]
    found = []
    for kind in kinds:
        part = [row for row in rows if kind in ("all", row.edit)]
        found.append([kind, str(len(part)), share(sum(map(passed, part)), len(part))])
    return found


def agreement(looks: Mapping[str, Mapping[str, Look]]) -> list[list[str]]:
    """Table rows a pair of lookers: results that both saw, same verdict, Cohen's kappa."""
    found = []
    for (a, first), (b, second) in combinations(looks.items(), 2):
        both = [(first[name].right, second[name].right) for name in first if name in second]
        if not both:
            continue
        same = sum(x == y for x, y in both)
        yes = [sum(pair[i] for pair in both) / len(both) for i in (0, 1)]
        chance = yes[0] * yes[1] + (1 - yes[0]) * (1 - yes[1])
        kappa = (same / len(both) - chance) / (1 - chance) if chance < 1 else 1.0
        found.append([f"{a}, {b}", str(len(both)), share(same, len(both)), f"{kappa:.2f}"])
    return found


def report(name: SetName) -> str:
    """The tables of one set."""
    decider, looks = committed(), verdicts.load(name)
    rows = scores.load(name, "flaws").rows
    head = ["tool", "results", "right", "kept", "precision", "recall"]
    parts = [table(head, quality(rows, verdicts.right(looks), decider.passed))]
    for looker, seen in looks.items():
        right = {name: look.right for name, look in seen.items()}
        of_one = quality(rows, right, decider.passed)[-1:]
        parts.append(table([f"by looker {looker} alone", *head[1:]], of_one))
    edits = scores.load(name, "nulls").rows
    parts.append(table(["null edit", "made", "passed"], nulls(edits, decider.passed)))
    parts.append(table(["lookers", "both saw", "same verdict", "kappa"], agreement(looks)))
    return "\n\n".join(parts)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Test the compact judge.")
    parser.add_argument("--set", choices=SETS, default="test")
    print(report(parser.parse_args().set))


if __name__ == "__main__":
    main()
