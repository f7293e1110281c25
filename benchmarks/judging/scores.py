"""Measure every result and null edit as the filter does, and write the scores to ``scores/``.

    python -m benchmarks.judging.scores [--set test] [--what nulls]

Needs the pictures and renders those that are missing; commands that use the scores need none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict

from benchmarks.judging import nulls
from benchmarks.judging.draw import SetName
from benchmarks.judging.results import Result, make_parser, render
from benchmarks.quality.compare import PROFILE, load_sections
from benchmarks.stopping import UntilStopped
from stages.catalogue import load_params
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.engine.workspace import Workspace
from stages.filter import bounds
from stages.filter.params import FilterParams
from stages.models import registry
from stages.models.judge.features.calibration import Scored
from stages.models.judge.features.judge import FeatureJudge
from stages.models.judge.features.params import FeatureThresholds
from stages.models.judge.features.texture import TokenFeatures
from stages.models.metric.lpips import AlexLpips
from stages.models.protocols import Case
from stages.records.documents import Box, Document

What = Literal["flaws", "nulls"]
WHAT: tuple[What, ...] = ("flaws", "nulls")
FOLDER = Path(__file__).with_name("scores")
DIGITS = 5
"""Significant digits that are kept."""


class Row(Scored):
    """One result or null edit."""

    model_config = ConfigDict(extra="forbid")
    edit: str
    """``flaw``, or the kind of null edit."""
    kernel: str
    part: str
    positional: bool


class Scores(Document):
    """The scores of one set's flaws or null edits."""

    digests: dict[str, str]
    """Digests of the models and params that made and measured the pictures."""
    rows: list[Row]


def path_of(name: SetName, what: What) -> Path:
    """Return the path of the scores."""
    return FOLDER / f"{name}-{what}.json"


def load(name: SetName, what: What) -> Scores:
    """Load the scores."""
    return Scores.model_validate_json(path_of(name, what).read_bytes())


class FilterMeasures:
    """The filter's metric and judge."""

    def __init__(self) -> None:
        self.metric, self.judge = AlexLpips(), FeatureJudge(FeatureThresholds())
        section = load_params(Workspace.find().root)["filter"]
        assert isinstance(section, FilterParams)  # noqa: S101
        self.limits = section.lpips

    def measure(self, case: Case, target_box: Box, always: bool) -> dict[str, float]:
        """Return every number of the filter except the probability.

        Args:
            case: the filter's input.
            target_box: the bounding box of the targets.
            always: run the judge even if the LPIPS bounds refuse.
        """
        distances = bounds.measure(case, target_box, self.metric)
        found = dataclasses.asdict(distances)
        if always or bounds.check(case.variant.tool, distances, self.limits)[0] == "ok":
            found |= self.judge.measure(case)
        return {name: float(f"{value:.{DIGITS}g}") for name, value in found.items()}


def measure_result(
    result: Result, number: int, measures: FilterMeasures, what: What
) -> Iterator[Row]:
    """Measure the result's flaw, or the null edits whose turn it is."""
    flaws = what == "flaws"
    found = (
        [("flaw", result.case)] if flaws else nulls.make_edits(result, number, load_sections()[1])
    )
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
            scores=measures.measure(case, result.target_box, always=flaws),
        )


def compute_digests() -> dict[str, str]:
    """Compute digests of everything but the code that the pictures and scores depend on."""
    params = [section.model_dump(mode="json", exclude={"gate"}) for section in load_sections()]
    return {
        "flow": registry.revision("flow", PROFILE),
        "efficientnet": TokenFeatures.revision(),
        "lpips": AlexLpips.revision(),
        "params": sha256(canonical_json(params)),
    }


def main() -> None:
    """Write the scores."""
    parser = make_parser("Measure every result and null edit.")
    parser.add_argument("--what", choices=WHAT, nargs="*", default=WHAT)
    args = parser.parse_args()
    measures = FilterMeasures()
    for what in args.what:
        for name in args.set:
            results = enumerate(render(name, args.folder, args.shards))
            rows = UntilStopped(
                row for n, r in results for row in measure_result(r, n, measures, what)
            )
            found = list(rows)
            print(f"{name}: {len(found)} {what}", flush=True)
            rows.exit_if_stopped()  # an incomplete set must not replace a complete one
            lines = b",\n".join(canonical_json(row.model_dump(mode="json")) for row in found)
            head = canonical_json(compute_digests())
            write_atomically(
                path_of(name, what), b'{"digests":%s,"rows":[\n%s\n]}\n' % (head, lines)
            )


if __name__ == "__main__":
    main()
