"""The results to look at: mappings by the factory's own stages, in two photo-disjoint halves.

    python -m benchmarks.judging.draw

takes the checkout's photos and those held out of training through ingest, perceive and map with the
committed params, deals the photos out to `calibration` and `test`, and keeps a fixed number of
mappings a tool in each half. Writes ``cases.json`` beside this file.
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
from stages.engine.record import TOOLS, Document

Half = Literal["calibration", "test"]
HALVES: tuple[Half, ...] = ("calibration", "test")
HELD_OUT = 69
"""Photos out of the shards that are looked through."""
COUNT = 28
"""Mappings a tool and a half: a few fall out when nothing can be seen, and 100 are to be left."""
NAMED = 12
"""Of these, mappings of named parts at least, where there are so many: photos without people, of
which there are more, offer none."""
PATH = Path(__file__).with_name("cases.json")


class Drawing(Document):
    """The mappings of both halves."""

    side: int
    halves: dict[Half, list[Case]]

    def half(self, name: Half) -> EvaluationSet:
        """One half, as the renderers take it."""
        return EvaluationSet(side=self.side, cases=self.halves[name])


def load() -> Drawing:
    """The mappings as they were written."""
    return Drawing.model_validate_json(PATH.read_text(encoding="utf-8"))


def deal(offered: Sequence[Drawn]) -> dict[str, Half]:
    """Photo to half: dealt out by turns within groups of photos that offer the same tools.

    Each group's turn starts where the last one ended, so that the halves are of one size.
    """
    tools: dict[str, set[str]] = {}
    for drawn in offered:
        tools.setdefault(drawn.photo, set()).add(drawn.variant.tool)
    keys = {drawn.photo: drawn.scene.key for drawn in offered}
    order = sorted(keys, key=lambda name: (sorted(tools[name]), keys[name]))
    return {name: HALVES[turn % 2] for turn, name in enumerate(order)}


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
    """Write the mappings."""
    parser = argparse.ArgumentParser(description="Draw the mappings to be looked at.")
    parser.add_argument("--shards", type=Path, default=photos.SHARDS)
    parser.add_argument("--folder", type=Path, default=cases.FOLDER, help="of what is kept")
    given = parser.parse_args()
    names = photos.in_checkout() + photos.held_out(given.shards)[:HELD_OUT]
    offered = cases.draw(cases.scenes(names, given.shards, given.folder / "scenes", cases.SIDE))
    halves = deal(offered)
    drawing = {
        half: cases.grouped(choose([d for d in offered if halves[d.photo] == half]))
        for half in HALVES
    }
    lines = {
        half: b",\n".join(canonical_json(case.model_dump(mode="json")) for case in found)
        for half, found in drawing.items()
    }
    body = b",\n".join(b'"%s":[\n%s\n]' % (half.encode(), lines[half]) for half in HALVES)
    write_atomically(PATH, b'{"side":%d,"halves":{\n%s\n}}\n' % (cases.SIDE, body))
    for half, found in drawing.items():
        tools = Counter(variant.tool for case in found for variant in case.variants)
        counts = ", ".join(f"{tool} {tools[tool]}" for tool in TOOLS)
        print(f"{half}: {counts}; {len({case.key for case in found})} photos")


if __name__ == "__main__":
    main()
