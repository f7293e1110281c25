"""Calibrate the thresholds of the rules in `intended` on null pictures, which must be refused.

    python -m benchmarks.quality.calibrate [--side 512]

Uses other mappings of the evaluation set's photos. A threshold is the `QUANTILE` of the scores of
the null pictures that it must refuse (`nulls.MUST_REFUSE`), and at least `MIN_THRESHOLD`. The share
of null pictures that pass is estimated by cross-validation: those of a photo are judged by
thresholds from other photos. Works on pixels; no rendering model is involved. Writes
``thresholds-<side>.json`` beside this file.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality import cases, photos
from benchmarks.quality.intended import RULES, Comparison
from benchmarks.quality.network import MobileNet
from benchmarks.quality.nulls import MUST_REFUSE, NULLS, Site
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.records.documents import Document
from stages.records.seeding import generator
from stages.records.windows import cut
from stages.tools import Tool

COUNT = 30
"""Mappings per tool."""
FOLDS = 5
QUANTILE = 0.95
MIN_THRESHOLD = 0.05
"""Minimum threshold: above the score of a picture in which nothing changed."""
DRAWS = 2
"""Null pictures of each kind per mapping."""


class Thresholds(Document):
    """The minimum of each score."""

    side: int
    minimum: dict[Tool, dict[str, float]]
    passing_nulls: dict[Tool, dict[str, float]]
    """Share of null pictures, by kind, that pass the whole rule with other photos' thresholds."""

    def accepts(self, tool: Tool, scores: dict[str, float]) -> bool:
        """Return whether all scores of the tool reach their minimum."""
        return all(scores[name] >= minimum for name, minimum in self.minimum[tool].items())


def path_of(side: int) -> Path:
    """Return the path of the thresholds for windows of that side."""
    return Path(__file__).with_name(f"thresholds-{side}.json")


def load(side: int = cases.SIDE) -> Thresholds:
    """Load the thresholds.

    Raises:
        FileNotFoundError: there are none for that side.
    """
    return Thresholds.model_validate_json(path_of(side).read_text(encoding="utf-8"))


def make_sites(found: cases.EvaluationSet, shards: Path) -> Iterator[tuple[str, Site]]:
    """Yield the site of every mapping with its photo's key; `other` is the set's next window."""
    windows = [cut(photos.read_photo(case.photo, shards), case.window) for case in found]
    for number, case in enumerate(found):
        other = windows[(number + 1) % len(windows)]
        for variant in case.variants:
            yield case.key, Site(variant, case.sides.get(variant.id), windows[number], other)


def score_nulls(site: Site, null: str, key: str, network: MobileNet) -> list[dict[str, float]]:
    """Return the rule's scores of `DRAWS` null pictures of a kind."""
    before, rule = network.tokens(site.window), RULES[site.variant.tool]
    found = []
    for draw in range(DRAWS):
        rng = generator(0, key, site.variant.id, null, draw)
        picture = NULLS[null](site, rng)
        after = network.tokens(picture)
        found.append(
            rule(Comparison(site.variant, site.sides, site.window, picture, before, after))
        )
    return found


@dataclass(frozen=True)
class ScoredNull:
    """The scores of a null picture."""

    key: str
    """The photo's key."""
    tool: Tool
    null: str
    scores: dict[str, float]


def compute_thresholds(found: Sequence[ScoredNull]) -> dict[Tool, dict[str, float]]:
    """Compute the quantile over null pictures, by tool and score; the minimum if there are none."""
    minimum: dict[Tool, dict[str, float]] = {}
    for tool, by_score in MUST_REFUSE.items():
        for score, nulls in by_score.items():
            rows = [s.scores[score] for s in found if s.tool == tool and s.null in nulls]
            quantile = float(np.quantile(rows or [MIN_THRESHOLD], QUANTILE))
            minimum.setdefault(tool, {})[score] = round(max(MIN_THRESHOLD, quantile), 4)
    return minimum


def compute_passing_nulls(found: Sequence[ScoredNull], side: int) -> dict[Tool, dict[str, float]]:
    """Compute the share of null pictures, by tool and kind, that pass other photos' thresholds."""
    verdicts: dict[tuple[Tool, str], list[bool]] = defaultdict(list)
    for fold in range(FOLDS):
        rest = [s for s in found if _fold(s.key) != fold]
        rule = Thresholds(side=side, minimum=compute_thresholds(rest), passing_nulls={})
        for s in found:
            if _fold(s.key) == fold:
                verdicts[s.tool, s.null].append(rule.accepts(s.tool, s.scores))
    shares: dict[Tool, dict[str, float]] = {}
    for (tool, null), passed in sorted(verdicts.items()):
        shares.setdefault(tool, {})[null] = round(float(np.mean(passed)), 3)
    return shares


def _fold(key: str) -> int:
    return int(key, 16) % FOLDS


def draw_other_mappings(args: argparse.Namespace) -> cases.EvaluationSet:
    """Draw mappings of the same photos that are not in the evaluation set."""
    taken = {(case.key, variant.id) for case in cases.load(args.side) for variant in case.variants}
    left = [c for c in cases.draw_candidates(args) if (c.scene.key, c.variant.id) not in taken]
    return cases.EvaluationSet(side=args.side, cases=cases.group(cases.choose(left, COUNT)))


def main() -> None:
    """Write the thresholds."""
    args = cases.make_drawing_parser("Calibrate the rules on null pictures.").parse_args()
    network = MobileNet()

    def score_all() -> Iterator[list[ScoredNull]]:
        for key, site in make_sites(draw_other_mappings(args), args.shards):
            tool = site.variant.tool
            for null in sorted({null for nulls in MUST_REFUSE[tool].values() for null in nulls}):
                rows = score_nulls(site, null, key, network)
                yield [ScoredNull(key, tool, null, row) for row in rows]

    groups = UntilStopped(score_all())
    scored = [row for group in groups for row in group]
    found = Thresholds(
        side=args.side,
        minimum=compute_thresholds(scored),
        passing_nulls=compute_passing_nulls(scored, args.side),
    )
    print(found.model_dump_json(indent=2))
    groups.exit_if_stopped()
    write_atomically(path_of(args.side), pretty_json(found.model_dump(mode="json")))


if __name__ == "__main__":
    main()
