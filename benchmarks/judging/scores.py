"""What the filter measures of every result and null edit, as data in ``scores/``.

    python -m benchmarks.judging.scores [--set test] [--what nulls]

needs the pictures (it renders what is missing); what follows from the scores does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from benchmarks.judging import nulls
from benchmarks.judging.draw import SetName
from benchmarks.judging.results import Result, arguments, rendered
from benchmarks.quality.compare import PROFILE, sections
from benchmarks.stopping import UntilStopped
from stages.catalogue import load_params
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.engine.workspace import Workspace
from stages.filter import bounds
from stages.filter.params import FilterParams
from stages.models import registry
from stages.models.judge.features.judge import FeatureJudge
from stages.models.judge.features.texture import TokenFeatures
from stages.models.metric.lpips import AlexLpips
from stages.models.protocols import Case
from stages.records.documents import Box, Document, Tool

What = Literal["flaws", "nulls"]
WHAT: tuple[What, ...] = ("flaws", "nulls")
FOLDER = Path(__file__).with_name("scores")
DIGITS = 5
"""Significant digits that are kept."""


class Row(Document):
    """One result or null edit."""

    name: str
    """``<photo key>-<variant id>``"""
    tool: Tool
    edit: str
    """``flaw``, or the kind of null edit."""
    kernel: str
    part: str
    positional: bool
    sha256: str
    """Of the flaw's PNG; empty for null edits."""
    scores: dict[str, float]
    """Every number of the filter but the probability; LPIPS alone where that refuses already."""


class Scores(Document):
    """Of one set's flaws or null edits."""

    digests: dict[str, str]
    """Of the models and params that made and measured the pictures."""
    rows: list[Row]


def path_of(name: SetName, what: What) -> Path:
    """Where they lie."""
    return FOLDER / f"{name}-{what}.json"


def load(name: SetName, what: What) -> Scores:
    """Scores as they were written."""
    return Scores.model_validate_json(path_of(name, what).read_bytes())


class Meter:
    """The filter's instruments."""

    def __init__(self) -> None:
        self.metric, self.judge = AlexLpips(), FeatureJudge()
        section = load_params(Workspace.find().root)["filter"]
        assert isinstance(section, FilterParams)  # noqa: S101
        self.limits = section.lpips

    def scores(self, case: Case, target_box: Box, always: bool) -> dict[str, float]:
        """Every number of the filter but the probability.

        Args:
            case: what the filter sees.
            target_box: the bounding box of the targets.
            always: ask the judge although the bounds refuse.
        """
        distances = bounds.measure(case, target_box, self.metric)
        found = dataclasses.asdict(distances)
        if always or bounds.check(case.variant.tool, distances, self.limits)[0] == "ok":
            found |= self.judge.measure(case)
        return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items()}


def rows(result: Result, number: int, meter: Meter, what: What) -> Iterator[Row]:
    """The flaw, or the null edits whose turn it is."""
    flaws = what == "flaws"
    found = [("flaw", result.case)] if flaws else nulls.edits(result, number, sections()[1])
    for edit, case in found:
        variant = case.variant
        yield Row(
            name=result.name,
            tool=variant.tool,
            edit=edit,
            kernel=variant.kernel,
            part=variant.part_name,
            positional=variant.positional,
            sha256=result.sha256 if flaws else "",
            scores=meter.scores(case, result.target_box, always=flaws),
        )


def digests() -> dict[str, str]:
    """What the pictures and scores depend on, beside the code."""
    made_by = [section.model_dump(mode="json", exclude={"gate"}) for section in sections()]
    return {
        "flow": registry.revision("flow", PROFILE),
        "efficientnet": TokenFeatures.revision(),
        "lpips": AlexLpips.revision(),
        "params": sha256(canonical_json(made_by)),
    }


def main() -> None:
    """Write the scores."""
    parser = arguments("Measure every result and null edit.")
    parser.add_argument("--what", choices=WHAT, nargs="*", default=WHAT)
    given = parser.parse_args()
    meter = Meter()
    for what in given.what:
        for name in given.set:
            results = enumerate(rendered(name, given.folder, given.shards))
            measured = UntilStopped(row for n, r in results for row in rows(r, n, meter, what))
            found = list(measured)
            print(f"{name}: {len(found)} {what}", flush=True)
            measured.leave()  # half a set replaces no whole one
            lines = b",\n".join(canonical_json(row.model_dump(mode="json")) for row in found)
            head = canonical_json(digests())
            write_atomically(
                path_of(name, what), b'{"digests":%s,"rows":[\n%s\n]}\n' % (head, lines)
            )


if __name__ == "__main__":
    main()
