"""Draw the mappings to be rated, by the project's own stages, in two photo-disjoint sets.

    python -m benchmarks.judging.draw

Draws a new test set: runs ingest, perceive and map with the committed params on photos of the
checkout and photos held out of training, without those of the calibration set, and keeps a fixed
number of mappings per tool. Replaces ``test`` in ``cases.json`` beside this file; verdicts and
scores of the previous test set then belong to mappings that no longer exist.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks.quality import cases, photos
from benchmarks.quality.cases import Candidate, Case, EvaluationSet
from stages.engine.files import canonical_json, write_atomically
from stages.records.documents import Document
from stages.tools import TOOLS

SetName = Literal["calibration", "test"]
SETS: tuple[SetName, ...] = ("calibration", "test")
COUNT = 28
"""Mappings per tool: a few turn out invisible, and 100 are to remain in total."""
MIN_NAMED = 12
"""Minimum number of these that are mappings of named parts, where there are enough. Most photos
have no people and offer few named parts."""
PATH = Path(__file__).with_name("cases.json")


class Drawing(Document):
    """The mappings of both sets."""

    side: int
    sets: dict[SetName, list[Case]]

    def evaluation_set(self, name: SetName) -> EvaluationSet:
        """Return one set in the form that the renderers take."""
        return EvaluationSet(side=self.side, cases=self.sets[name])


def load() -> Drawing:
    """Load the mappings."""
    return Drawing.model_validate_json(PATH.read_text(encoding="utf-8"))


def save(drawing: Drawing) -> None:
    """Write the mappings, one case per line."""
    lines = {
        name: b",\n".join(canonical_json(case.model_dump(mode="json")) for case in found)
        for name, found in drawing.sets.items()
    }
    body = b",\n".join(b'"%s":[\n%s\n]' % (name.encode(), lines[name]) for name in SETS)
    write_atomically(PATH, b'{"side":%d,"sets":{\n%s\n}}\n' % (drawing.side, body))


def exclude_photos(candidates: Sequence[Candidate], used: Sequence[Case]) -> list[Candidate]:
    """Exclude mappings of photos that are in these cases, by digest or by name."""
    keys, names = {case.key for case in used}, {case.photo for case in used}
    return [d for d in candidates if d.scene.key not in keys and d.photo not in names]


def choose(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Choose up to `COUNT` mappings per tool, up to `MIN_NAMED` of named parts first."""
    named = cases.choose([d for d in candidates if not d.variant.positional], MIN_NAMED)
    chosen = list(named)
    for tool in TOOLS:
        left = [d for d in candidates if d.variant.tool == tool and d not in named]
        count = COUNT - sum(d.variant.tool == tool for d in named)
        chosen += cases.choose(left, count)
    return chosen


def main() -> None:
    """Write the test set's mappings."""
    parser = argparse.ArgumentParser(description="Draw the mappings to be rated.")
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=cases.FOLDER, help="cache folder")
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    args = parser.parse_args()
    calibration = load().sets["calibration"]
    used = {case.photo for case in calibration}
    every = [*photos.list_checkout(), *photos.list_held_out(args.shards)]
    names = [name for name in photos.select(every, args.photos) if name not in used]
    found = cases.perceive_scenes(names, args.shards, args.folder / "scenes", cases.SIDE)
    chosen = choose(exclude_photos(cases.draw(found, args.shards), calibration))
    test = cases.group(chosen)
    save(Drawing(side=cases.SIDE, sets={"calibration": calibration, "test": test}))
    tools = Counter(drawn.variant.tool for drawn in chosen)
    counts = ", ".join(f"{tool} {tools[tool]}" for tool in TOOLS)
    print(f"test: {counts}; {len({case.key for case in test})} photos")


if __name__ == "__main__":
    main()
