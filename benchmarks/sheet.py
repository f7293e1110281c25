"""Draw published flaws by lot: a sheet of them, or one of each tool with its text.

    python benchmarks/sheet.py OUT.png [--tool add] [--count 24] [--package data/package]
    python benchmarks/sheet.py OUT.png --one-per-tool
    python benchmarks/sheet.py docs/pictures

The last one draws the pictures of README and docs/quality.md: ``tools.png`` (one flaw of each tool
with its text), ``pairs.png`` and a sheet of each tool.

A sheet shows photo, control, flaw and mask, cropped around the flaw. Takes only flaws of CC0 and
public-domain photos, so that the picture may be published, in the order of the sha256 of their
names, in turn from every tool, and of a tool in turn from every photo. Nobody chooses. Other flaws
of the same picture may be in view; the mask is the flaw's own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

os.environ["WDS_SECURE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image, ImageDraw
from webdataset.compat import WebDataset

from flows.records import read_record
from stages.engine.workspace import FactoryError
from stages.package.members import get_picture
from stages.records.images import open_picture, open_png
from stages.tools import TOOLS

FREE = ("CC0-1.0", "CC-PDM-1.0")
CELL, CAPTION, COLUMNS = 180, 18, 2
MIXED, OF_TOOL = 16, 12
"""Flaws on the documentation's sheets: of all tools, and of one."""
LARGE_CELL, LINE, LINES, FONT = 210, 18, 3, 14
Sample = dict[str, Any]
PICTURES = ("real", "control", "artifact")


def interleave(groups: Iterable[list[Sample]]) -> list[Sample]:
    """Return the first sample of every group, then the second of every group, and so on."""
    rounds = chain.from_iterable(zip_longest(*groups))
    return [sample for sample in rounds if sample is not None]


def read_flaws(package: Path) -> Iterator[Sample]:
    """Yield the members of a pair, its record as ``pair`` and one flaw of it, for every flaw.

    Raises:
        FactoryError: the data set has another schema version.
    """
    shards = sorted(map(str, package.glob("*.tar")))
    for sample in WebDataset(shards, shardshuffle=False, empty_check=False):
        pair = read_record(sample["json"], str(package))
        for flaw in pair["flaws"]:
            yield {**sample, "pair": pair, "flaw": flaw}


def draw_lots(samples: Iterable[Sample], tool: str | None, count: int) -> list[Sample]:
    """Draw flaws of free photos, alternating between tools, and within a tool between photos."""
    found: dict[str, dict[str, list[Sample]]] = {name: {} for name in TOOLS}
    for sample in sorted(samples, key=_lot):
        pair, flaw = sample["pair"], sample["flaw"]
        if pair["licence"] in FREE and tool in (None, flaw["tool"]):
            found[flaw["tool"]].setdefault(pair["photo"], []).append(sample)
    return interleave(interleave(photos.values()) for photos in found.values())[:count]


def _lot(sample: Sample) -> bytes:
    name = f"{sample['pair']['photo']}-{sample['flaw']['id']}"
    return hashlib.sha256(name.encode()).digest()


def cut(sample: Sample, image: Image.Image, cell: int) -> Image.Image:
    """Crop around the flaw's edited region and scale to `cell` pixels."""
    pair, (x0, y0, x1, y1) = sample["pair"], sample["flaw"]["edit_box"]
    side = min(max(x1 - x0, y1 - y0) * 3 // 2, pair["width"], pair["height"])
    left = min(max(0, (x0 + x1 - side) // 2), pair["width"] - side)
    top = min(max(0, (y0 + y1 - side) // 2), pair["height"] - side)
    return image.crop((left, top, left + side, top + side)).resize((cell, cell))


def cut_picture(sample: Sample, name: str, cell: int) -> Image.Image:
    """Crop the photo, the control or the flawed picture."""
    return cut(sample, open_picture(get_picture(sample, name)), cell)


def cut_mask(sample: Sample, cell: int, value: int) -> Image.Image:
    """Crop the flaw's mask, with `value` where it is set."""
    own = [value if level == sample["flaw"]["index"] else 0 for level in range(256)]
    return cut(sample, open_png(sample["flaws.png"], "L").point(own), cell)


def draw_cells(sample: Sample) -> Iterator[Image.Image]:
    """Draw photo, control, flaw, and the flaw with its mask, around the flaw's edited region."""
    yield from (cut_picture(sample, name, CELL) for name in PICTURES)
    marked = cut_picture(sample, "artifact", CELL)
    marked.paste((255, 0, 80), (0, 0), cut_mask(sample, CELL, 128))
    yield marked


def draw_sheet(samples: list[Sample]) -> Image.Image:
    """Draw all flaws in `COLUMNS` columns."""
    width, height = CELL * 4 + 12, CELL + CAPTION
    rows = -(-len(samples) // COLUMNS)
    out = Image.new("RGB", (width * COLUMNS, height * rows), "white")
    for number, sample in enumerate(samples):
        row, column = divmod(number, COLUMNS)
        x, y, flaw = column * width, row * height, sample["flaw"]
        text = f"{flaw['tool']} / {flaw['kernel']}: {flaw['entity']}, {flaw['part']}"
        ImageDraw.Draw(out).text((x + 2, y + 2), text, fill="black", font_size=12)
        for place, cell in enumerate(draw_cells(sample)):
            out.paste(cell, (x + place * CELL, y + CAPTION))
    return out


def draw_texts(samples: list[Sample]) -> Image.Image:
    """Draw photo, flawed image and mask of each flaw over its text, in `COLUMNS` columns."""
    step = LARGE_CELL + 4
    width, height = 3 * step + 10, LARGE_CELL + (LINES + 2) * LINE
    rows = -(-len(samples) // COLUMNS)
    out = Image.new("RGB", (width * COLUMNS, height * rows), "white")
    draw = ImageDraw.Draw(out)
    for number, sample in enumerate(samples):
        row, column = divmod(number, COLUMNS)
        x, y, flaw = column * width + 8, row * height, sample["flaw"]
        cells = (
            (
                f"{flaw['tool']}: photo",
                cut_picture(sample, "real", LARGE_CELL),
            ),
            (
                "flawed image",
                cut_picture(sample, "artifact", LARGE_CELL),
            ),
            ("mask", cut_mask(sample, LARGE_CELL, 255).convert("RGB")),
        )
        for place, (caption, cell) in enumerate(cells):
            draw.text((x + place * step, y + 2), caption, fill="black", font_size=FONT)
            out.paste(cell, (x + place * step, y + LINE + 2))
        text = "\n".join(textwrap.wrap(flaw["text"], 88)[:LINES])
        draw.multiline_text((x, y + LARGE_CELL + LINE + 6), text, fill="#333", font_size=FONT)
    return out


def draw_pictures(samples: list[Sample]) -> Iterator[tuple[str, Image.Image, int]]:
    """Draw the documentation's pictures: name, picture and number of flaws of each."""
    one_each = draw_lots(samples, None, len(TOOLS))
    yield "tools.png", draw_texts(one_each), len(one_each)
    mixed = draw_lots(samples, None, MIXED)
    yield "pairs.png", draw_sheet(mixed), len(mixed)
    for tool in TOOLS:
        if drawn := draw_lots(samples, tool, OF_TOOL):
            yield f"{tool}.jpg", draw_sheet(drawn), len(drawn)


def main() -> None:
    """Write the picture, or all pictures of the documentation."""
    parser = argparse.ArgumentParser(description="Draw published flaws by lot.")
    parser.add_argument("out", type=Path, help="picture, or folder of the docs' pictures")
    parser.add_argument("--tool", choices=TOOLS)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    parser.add_argument("--one-per-tool", action="store_true", help="with their texts")
    args = parser.parse_args()
    count = len(TOOLS) if args.one_per_tool else args.count
    flaws = list(read_flaws(args.package))
    samples = draw_lots(flaws, args.tool, count)
    if not samples:
        sys.exit(
            f"no flaw of a CC0 or public-domain photo in {args.package}: "
            "run `flawfactory build` first, or pass --package"
        )
    if args.out.is_dir():
        for name, picture, number in draw_pictures(flaws):
            picture.save(args.out / name, quality=85)
            print(f"{number} flaws: {args.out / name}")
        return
    (draw_texts if args.one_per_tool else draw_sheet)(samples).save(args.out)
    print(f"{len(samples)} flaws: {args.out}")


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(str(error))
