"""The results to look at: mappings by the factory's own stages, in two photo-disjoint sets.

    python -m benchmarks.judging.draw

draws a new test set: takes photos that the calibration set has none of, from the checkout and from
those held out of training, through ingest, perceive and map with the committed params and keeps a
fixed number of mappings a tool. Replaces ``test`` in ``cases.json`` beside this file; verdicts and
scores of the test set before belong to mappings that are no longer there.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from benchmarks.quality import cases, photos
from benchmarks.quality.cases import Case, Drawn, EvaluationSet
from stages.engine.files import canonical_json, write_atomically
from stages.records.documents import TOOLS, Document

SetName = Literal["calibration", "test"]
SETS: tuple[SetName, ...] = ("calibration", "test")
COUNT = 28
"""Mappings a tool: a few fall out when nothing can be seen, and 100 are to be left."""
NAMED = 12
"""Of these, mappings of named parts at least, where there are so many: photos without people, of
which there are more, offer few."""
PATH = Path(__file__).with_name("cases.json")


class Drawing(Document):
    """The mappings of both sets."""

    side: int
    sets: dict[SetName, list[Case]]

    def of(self, name: SetName) -> EvaluationSet:
        """One set, as the renderers take it."""
        return EvaluationSet(side=self.side, cases=self.sets[name])


def load() -> Drawing:
    """The mappings as they were written."""
    return Drawing.model_validate_json(PATH.read_text(encoding="utf-8"))


def save(drawing: Drawing) -> None:
    """Write them, a case a line."""
    lines = {
        name: b",\n".join(canonical_json(case.model_dump(mode="json")) for case in found)
        for name, found in drawing.sets.items()
    }
    body = b",\n".join(b'"%s":[\n%s\n]' % (name.encode(), lines[name]) for name in SETS)
    write_atomically(PATH, b'{"side":%d,"sets":{\n%s\n}}\n' % (drawing.side, body))


def unseen(offered: Sequence[Drawn], seen: Sequence[Case]) -> list[Drawn]:
    """What is offered by photos that are in none of these cases, by digest and by name."""
    keys, names = {case.key for case in seen}, {case.photo for case in seen}
    return [d for d in offered if d.scene.key not in keys and d.photo not in names]


def choose(offered: Sequence[Drawn]) -> list[Drawn]:
    """Up to `COUNT` mappings a tool, of which up to `NAMED` of named parts come first."""
    named = cases.choose([d for d in offered if not d.variant.positional], NAMED)
    chosen = list(named)
    for tool in TOOLS:
        left = [d for d in offered if d.variant.tool == tool and d not in named]
        count = COUNT - sum(d.variant.tool == tool for d in named)
        chosen += cases.choose(left, count)
    return chosen


def main() -> None:
    """Write the test set's mappings."""
    parser = argparse.ArgumentParser(description="Draw the mappings to be looked at.")
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=cases.FOLDER, help="of what is kept")
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    given = parser.parse_args()
    seen = load().sets["calibration"]
    used = {case.photo for case in seen}
    offering = photos.named([*photos.in_checkout(), *photos.held_out(given.shards)], given.photos)
    names = [name for name in offering if name not in used]
    found = cases.scenes(names, given.shards, given.folder / "scenes", cases.SIDE)
    chosen = choose(unseen(cases.draw(found), seen))
    test = cases.grouped(chosen)
    save(Drawing(side=cases.SIDE, sets={"calibration": seen, "test": test}))
    tools = Counter(drawn.variant.tool for drawn in chosen)
    counts = ", ".join(f"{tool} {tools[tool]}" for tool in TOOLS)
    print(f"test: {counts}; {len({case.key for case in test})} photos")


if __name__ == "__main__":
    main()
