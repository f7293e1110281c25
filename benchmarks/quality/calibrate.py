"""Thresholds of the rules in `intended`, from pictures that must be refused.

    python -m benchmarks.quality.calibrate [--side 512]

Half of the photos give the thresholds: `LEVEL` of what a rule must refuse (`nulls.MUST_REFUSE`)
scores below them, and they are at least `FLOOR`. The other half tells how many such pictures would
still pass. Pixels only: no model that renders has a say. Writes ``thresholds-<side>.json`` beside
this file.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.quality import cases, photos
from benchmarks.quality.intended import RULES, Look
from benchmarks.quality.network import MobileNet
from benchmarks.quality.nulls import MUST_REFUSE, Null, Site
from stages.engine.files import pretty_json, write_atomically
from stages.engine.record import TOOLS, Document, Tool
from stages.engine.seeding import generator
from stages.invert.windows import cut

LEVEL = 0.95
FLOOR = 0.05
"""Least threshold: above what a picture scores in which nothing happened."""
DRAWS = 4
"""Null pictures of a kind a mapping."""


class Thresholds(Document):
    """What each score must reach."""

    side: int
    least: dict[Tool, dict[str, float]]
    passing_nulls: dict[Tool, dict[str, float]]
    """Share of the other half's null pictures, by kind, that pass the whole rule."""

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


def half(key: str) -> int:
    """0 or 1: which half a photo belongs to."""
    return int(key, 16) % 2


Scored = dict[tuple[Tool, str, int], list[dict[str, float]]]
"""Tool, kind of null picture and half to scores."""


def thresholds(scored: Scored) -> dict[Tool, dict[str, float]]:
    """The `LEVEL` quantile over the first half's null pictures, by tool and score."""
    found: dict[Tool, dict[str, float]] = {}
    for tool, by_score in MUST_REFUSE.items():
        for score, nulls in by_score.items():
            rows = [row[score] for null in nulls for row in scored[tool, null.__name__, 0]]
            least = max(FLOOR, float(np.quantile(rows, LEVEL)))
            found.setdefault(tool, {})[score] = round(least, 4)
    return found


def main() -> None:
    """Write the thresholds."""
    parser = argparse.ArgumentParser(description="Calibrate the rules on null pictures.")
    parser.add_argument("--side", type=int, default=cases.SIDE)
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    given = parser.parse_args()
    network, scored = MobileNet(), defaultdict[tuple[Tool, str, int], list[dict[str, float]]](list)
    for key, site in sites(cases.load(given.side), given.shards):
        kinds = {null for nulls in MUST_REFUSE[site.variant.tool].values() for null in nulls}
        for null in kinds:
            at = site.variant.tool, null.__name__, half(key)
            scored[at] += scores_of(site, null, key, network)
    found = Thresholds(side=given.side, least=thresholds(scored), passing_nulls={})
    passing: dict[Tool, dict[str, float]] = {tool: {} for tool in TOOLS}
    for (tool, null, where), rows in sorted(scored.items()):
        if where == 1:
            passing[tool][null] = round(
                float(np.mean([found.passed(tool, row) for row in rows])), 3
            )
    found = found.model_copy(update={"passing_nulls": passing})
    write_atomically(path_of(given.side), pretty_json(found.model_dump(mode="json")))
    print(found.model_dump_json(indent=2))


if __name__ == "__main__":
    main()
