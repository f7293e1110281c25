"""Draw numbered contact sheets for blind rating: the intended flaw and pictures, without scores.

    python -m benchmarks.judging.sheets FOLDER [--set test]

Draws ``FOLDER/<set>/sheet-<n>.png`` from the rendered mappings of `draw`, and writes
``FOLDER/<set>.key.json``, which maps each number to its result. The rubric is RUBRIC.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.judging.results import Result, make_parser, render
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.records.documents import Box, Variant
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box
from stages.records.seeding import generator

PER_SHEET = 4
"""Results per sheet."""
CELL, CAPTION, GAP = 330, 26, 6
"""Pixels."""
CROP_SCALE = 1.6
"""Side of the crop, relative to the longer side of the mask's box."""
MIN_CROP = 64
"""Minimum side of a crop in photo pixels."""
OUTLINE = (255, 0, 200)
_KERNELS = {
    "jitter": "its pieces shaken",
    "strip": "cut into strips that are shifted",
    "swirl": "twisted",
    "shards": "broken into shifted pieces",
}


def describe_intent(variant: Variant) -> str:
    """Describe the intended flaw as a person would say it."""
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


def crop_around(box: Box, size: tuple[int, int]) -> Box:
    """Return a square around `box`, with some margin, inside a photo of (width, height)."""
    side = min(max(round(max(box[2] - box[0], box[3] - box[1]) * CROP_SCALE), MIN_CROP), *size)
    x = min(max((box[0] + box[2] - side) // 2, 0), size[0] - side)
    y = min(max((box[1] + box[3] - side) // 2, 0), size[1] - side)
    return (x, y, x + side, y + side)


def _draw_cell(picture: Image, mask: Mask | None) -> Pillow.Image:
    """Draw `picture` in a square cell, with the mask's outline where a mask is given."""
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


def draw_row(number: int, result: Result) -> Pillow.Image:
    """Draw a caption over four cells: whole flawed photo, control, flaw, and flaw with outline."""
    control, flaw, mask = result.control, result.artifact, result.mask
    height, width = flaw.shape[:2]
    x0, y0, x1, y1 = crop_around(bounding_box(mask), (width, height))
    crop = np.s_[y0:y1, x0:x1]
    cells = (
        _draw_cell(flaw, mask),
        _draw_cell(control[crop], None),
        _draw_cell(flaw[crop], None),
        _draw_cell(flaw[crop], mask[crop]),
    )
    out = Pillow.new("RGB", (4 * (CELL + GAP), CELL + CAPTION + GAP), "white")
    text = f"{number}.  {describe_intent(result.variant)}"
    ImageDraw.Draw(out).text((4, 3), text, fill="black", font_size=17)
    for place, cell in enumerate(cells):
        out.paste(cell, (place * (CELL + GAP), CAPTION))
    return out


def draw_sheets(results: Sequence[Result]) -> Iterator[Pillow.Image]:
    """Draw `PER_SHEET` results per sheet, one per row, under a line that names the columns."""
    names = ("whole flawed photo, mask outlined", "CONTROL (clean)", "FLAWED", "FLAWED, outlined")
    for start in range(0, len(results), PER_SHEET):
        rows = [
            draw_row(number, result)
            for number, result in enumerate(results[start : start + PER_SHEET], start=start + 1)
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
    """Draw the sheets of the sets."""
    parser = make_parser("Draw the sheets for blind rating.")
    parser.add_argument("looks", type=Path, help="folder of the sheets")
    args: argparse.Namespace = parser.parse_args()
    for name in args.set:
        results = UntilStopped(render(name, args.folder, args.shards))
        found = list(results)
        results.exit_if_stopped()  # an incomplete set would be numbered differently
        order = generator(0, "looks", name).permutation(len(found))
        shuffled = [found[i] for i in order]
        folder = args.looks / name
        folder.mkdir(parents=True, exist_ok=True)
        for number, drawn in enumerate(draw_sheets(shuffled), start=1):
            drawn.save(folder / f"sheet-{number:02d}.png")
        key = {str(number): result.name for number, result in enumerate(shuffled, start=1)}
        write_atomically(args.looks / f"{name}.key.json", pretty_json(key))
        print(f"{name}: {len(shuffled)} results")


if __name__ == "__main__":
    main()
