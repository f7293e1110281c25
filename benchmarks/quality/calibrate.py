"""Thresholds of the rules in `intended`, from pictures that must be refused.

    python -m benchmarks.quality.calibrate [--side 512]

The mappings are other ones of the evaluation set's photos. A threshold is the score below which
`LEVEL` of the pictures stay that it must refuse (`nulls.MUST_REFUSE`), at least `FLOOR`. How many
such pictures pass is told by cross-validation: each photo's are judged by thresholds that came from
other photos. Pixels only: no model that renders has a say. Writes ``thresholds-<side>.json`` beside
this file.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality import cases, photos
from benchmarks.quality.intended import RULES, Look
from benchmarks.quality.network import MobileNet
from benchmarks.quality.nulls import MUST_REFUSE, Null, Site
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.records.documents import Document, Tool
from stages.records.seeding import generator
from stages.records.windows import cut

COUNT = 30
"""Mappings a tool."""
FOLDS = 5
LEVEL = 0.95
FLOOR = 0.05
"""Least threshold: above what a picture scores in which nothing happened."""
DRAWS = 2
"""Null pictures of a kind a mapping."""


class Thresholds(Document):
    """What each score must reach."""

    side: int
    least: dict[Tool, dict[str, float]]
    passing_nulls: dict[Tool, dict[str, float]]
    """Share of null pictures, by kind, that pass the whole rule by other photos' thresholds."""

    def passed(self, tool: Tool, scores: dict[str, float]) -> bool:
        """Whether all scores of the tool reach their thresholds."""
        return all(scores[name] >= least for name, least in self.least[tool].items())


def path_of(side: int) -> Path:
    """Where the thresholds for windows of that side lie."""
    return Path(__file__).with_name(f"thresholds-{side}.json")


def load(side: int = cases.SIDE) -> Thresholds:
    """The thresholds as they were written.

    Raises:
        FileNotFoundError: there are none for that side.
    """
    return Thresholds.model_validate_json(path_of(side).read_text(encoding="utf-8"))


def sites(found: cases.EvaluationSet, shards: Path) -> Iterator[tuple[str, Site]]:
    """Every mapping's site with its photo's key; the next window of the set is its stranger."""
    windows = [cut(photos.read(case.photo, shards), case.window) for case in found]
    for number, case in enumerate(found):
        other = windows[(number + 1) % len(windows)]
        for variant in case.variants:
            yield case.key, Site(variant, case.sides.get(variant.id), windows[number], other)


def scores_of(site: Site, null: Null, key: str, network: MobileNet) -> list[dict[str, float]]:
    """The rule's scores on `DRAWS` null pictures of a kind."""
    before, rule = network.tokens(site.window), RULES[site.variant.tool]
    found = []
    for draw in range(DRAWS):
        rng = generator(0, key, site.variant.id, null.__name__, draw)
        picture = null(site, rng)
        after = network.tokens(picture)
        found.append(rule(Look(site.variant, site.sides, site.window, picture, before, after)))
    return found


@dataclass(frozen=True)
class Scored:
    """A null picture's scores."""

    key: str
    """Of its photo."""
    tool: Tool
    null: str
    scores: dict[str, float]


def thresholds(found: Sequence[Scored]) -> dict[Tool, dict[str, float]]:
    """The `LEVEL` quantile over null pictures, by tool and score; `FLOOR` where there are none."""
    least: dict[Tool, dict[str, float]] = {}
    for tool, by_score in MUST_REFUSE.items():
        for score, nulls in by_score.items():
            kinds = {null.__name__ for null in nulls}
            rows = [s.scores[score] for s in found if s.tool == tool and s.null in kinds]
            least.setdefault(tool, {})[score] = round(
                max(FLOOR, float(np.quantile(rows or [FLOOR], LEVEL))), 4
            )
    return least


def passing(found: Sequence[Scored], side: int) -> dict[Tool, dict[str, float]]:
    """Share of null pictures, by tool and kind, that other photos' thresholds let pass."""
    verdicts: dict[tuple[Tool, str], list[bool]] = defaultdict(list)
    for fold in range(FOLDS):
        rest = [s for s in found if _fold(s.key) != fold]
        rule = Thresholds(side=side, least=thresholds(rest), passing_nulls={})
        for s in found:
            if _fold(s.key) == fold:
                verdicts[s.tool, s.null].append(rule.passed(s.tool, s.scores))
    shares: dict[Tool, dict[str, float]] = {}
    for (tool, null), passed in sorted(verdicts.items()):
        shares.setdefault(tool, {})[null] = round(float(np.mean(passed)), 3)
    return shares


def _fold(key: str) -> int:
    return int(key, 16) % FOLDS


def others(given: argparse.Namespace) -> cases.EvaluationSet:
    """Mappings of the same photos that are not in the evaluation set."""
    taken = {(case.key, variant.id) for case in cases.load(given.side) for variant in case.variants}
    left = [d for d in cases.offered(given) if (d.scene.key, d.variant.id) not in taken]
    return cases.EvaluationSet(side=given.side, cases=cases.grouped(cases.choose(left, COUNT)))


def main() -> None:
    """Write the thresholds."""
    given = cases.drawing_arguments("Calibrate the rules on null pictures.").parse_args()
    network = MobileNet()

    def measured() -> Iterator[list[Scored]]:
        for key, site in sites(others(given), given.shards):
            tool = site.variant.tool
            for null in {null for nulls in MUST_REFUSE[tool].values() for null in nulls}:
                rows = scores_of(site, null, key, network)
                yield [Scored(key, tool, null.__name__, row) for row in rows]

    groups = UntilStopped(measured())
    scored = [row for group in groups for row in group]
    found = Thresholds(
        side=given.side, least=thresholds(scored), passing_nulls=passing(scored, given.side)
    )
    print(found.model_dump_json(indent=2))
    groups.leave()
    write_atomically(path_of(given.side), pretty_json(found.model_dump(mode="json")))


if __name__ == "__main__":
    main()
