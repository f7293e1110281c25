"""Numbered contact sheets for blind looks: what was intended, and pictures; no score, no verdict.

    python -m benchmarks.judging.sheets FOLDER [--set test]

draws ``FOLDER/<set>/sheet-<n>.png`` from the rendered results of `draw`, and beside each set
``<set>.key.json``, which says what each number is. The rubric is RUBRIC.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.judging.results import Result, arguments, rendered
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.records.documents import Box, Variant
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box
from stages.records.seeding import generator

A_SHEET = 4
CELL, CAPTION, GAP = 330, 26, 6
"""Pixels."""
ROOM = 1.6
"""Side of the crop in the longer side of the mask's box."""
LEAST = 64
"""Photo pixels that a crop shows at least."""
OUTLINE = (255, 0, 200)
_KERNELS = {
    "jitter": "its pieces shaken",
    "strip": "cut into strips that are shifted",
    "swirl": "twisted",
    "shards": "broken into shifted pieces",
}


def words(variant: Variant) -> str:
    """What was intended, as a person would say it."""
    part, entity = variant.part_name, variant.entity_name
    whole = part == entity
    of_it = entity if whole else f"{part} of the {entity}"
    if variant.tool == "add":
        where = variant.facts.get("direction")
        return f"add: a second {of_it}" + (f" (from the first: {where})" if where else "")
    if variant.tool == "remove":
        return f"remove: the {of_it} is gone, grown over by what is beside it"
    if variant.tool == "distort":
        return f"distort: the {of_it}, {_KERNELS.get(variant.kernel, variant.kernel)}"
    return f"fuse: the {of_it} and the {variant.other_name} run into one another"


def around(box: Box, size: tuple[int, int]) -> Box:
    """A square with room around `box` inside a photo of (width, height)."""
    side = min(max(round(max(box[2] - box[0], box[3] - box[1]) * ROOM), LEAST), *size)
    x = min(max((box[0] + box[2] - side) // 2, 0), size[0] - side)
    y = min(max((box[1] + box[3] - side) // 2, 0), size[1] - side)
    return (x, y, x + side, y + side)


def _scaled(picture: Image, mask: Mask | None) -> Pillow.Image:
    """`picture` in a square cell, with the mask's outline where one is given."""
    height, width = picture.shape[:2]
    scale = CELL / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    kind = Pillow.Resampling.LANCZOS
    drawn = np.array(Pillow.fromarray(picture).resize(size, kind))
    if mask is not None:
        grown = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, lines, -1, OUTLINE, 2)
    out = Pillow.new("RGB", (CELL, CELL), "white")
    out.paste(Pillow.fromarray(drawn), (0, 0))
    return out


def row(number: int, result: Result) -> Pillow.Image:
    """Caption over the whole flawed photo, control, flaw, and flaw with outline."""
    control, flaw, mask = result.control, result.artifact, result.mask
    height, width = flaw.shape[:2]
    x0, y0, x1, y1 = around(bounding_box(mask), (width, height))
    crop = np.s_[y0:y1, x0:x1]
    cells = (
        _scaled(flaw, mask),
        _scaled(control[crop], None),
        _scaled(flaw[crop], None),
        _scaled(flaw[crop], mask[crop]),
    )
    out = Pillow.new("RGB", (4 * (CELL + GAP), CELL + CAPTION + GAP), "white")
    text = f"{number}.  {words(result.variant)}"
    ImageDraw.Draw(out).text((4, 3), text, fill="black", font_size=17)
    for place, cell in enumerate(cells):
        out.paste(cell, (place * (CELL + GAP), CAPTION))
    return out


def sheets(results: Sequence[Result]) -> Iterator[Pillow.Image]:
    """`A_SHEET` results a sheet, one a row, with a line that names the columns."""
    names = ("whole flawed photo, mask outlined", "CONTROL (clean)", "FLAWED", "FLAWED, outlined")
    for start in range(0, len(results), A_SHEET):
        rows = [
            row(number, result)
            for number, result in enumerate(results[start : start + A_SHEET], start=start + 1)
        ]
        out = Pillow.new("RGB", (rows[0].width, CAPTION + sum(r.height for r in rows)), "white")
        for place, name in enumerate(names):
            at = (place * (CELL + GAP) + 4, 4)
            ImageDraw.Draw(out).text(at, name, fill="gray", font_size=15)
        top = CAPTION
        for drawn in rows:
            out.paste(drawn, (0, top))
            top += drawn.height
        yield out


def main() -> None:
    """Draw the sheets of both sets."""
    parser = arguments("Draw the sheets for blind looks.")
    parser.add_argument("looks", type=Path, help="folder of the sheets")
    given: argparse.Namespace = parser.parse_args()
    for name in given.set:
        results = UntilStopped(rendered(name, given.folder, given.shards))
        found = list(results)
        results.leave()  # numbers of half a set would be other ones
        order = generator(0, "looks", name).permutation(len(found))
        shuffled = [found[i] for i in order]
        folder = given.looks / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, drawn in enumerate(sheets(shuffled), start=1):
            drawn.save(folder / f"sheet-{number:02d}.png")
        key = {str(number): result.name for number, result in enumerate(shuffled, start=1)}
        write_atomically(given.looks / f"{name}.key.json", pretty_json(key))
        print(f"{name}: {len(shuffled)} results")


if __name__ == "__main__":
    main()
