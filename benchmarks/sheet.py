"""Draw a sheet of published flaws: photo, control, flaw and mask, cropped around the flaw.

    python benchmarks/sheet.py OUT.png [--tool add] [--count 24] [--package data/package]

Takes only flaws of CC0 and public-domain photos, so that the sheet may be published, and spreads
them over the photos. Other flaws of the same picture may be in view; the mask is the flaw's own.
"""

from __future__ import annotations

import argparse
import os
import sys
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
from stages.records.images import open_png
from stages.tools import TOOLS

FREE = ("CC0-1.0", "CC-PDM-1.0")
CELL, CAPTION, COLUMNS = 180, 18, 2
Sample = dict[str, Any]
MEMBERS = ("real.png", "control.png", "artifact.png")


def interleave(groups: Iterable[list[Sample]]) -> list[Sample]:
    """Return the first sample of every group, then the second of every group, and so on."""
    rounds = chain.from_iterable(zip_longest(*groups))
    return [sample for sample in rounds if sample is not None]


def choose_flaws(package: Path, tool: str | None, count: int) -> list[Sample]:
    """Choose flaws of free photos, alternating between tools, and within a tool between photos.

    Raises:
        FactoryError: the data set has another schema version.
    """
    shards = sorted(map(str, package.glob("*.tar")))
    found: dict[str, dict[str, list[Sample]]] = {}
    for sample in WebDataset(shards, shardshuffle=False, empty_check=False):
        pair = read_record(sample["json"], str(package))
        if pair["licence"] not in FREE:
            continue
        for flaw in pair["flaws"]:
            if tool in (None, flaw["tool"]):
                photos = found.setdefault(flaw["tool"], {})
                photos.setdefault(pair["photo"], []).append({**sample, "pair": pair, "flaw": flaw})
    return interleave(interleave(photos.values()) for photos in found.values())[:count]


def draw_cells(sample: Sample) -> Iterator[Image.Image]:
    """Crop photo, control, flaw, and the flaw with its mask, around the flaw's edited region."""
    pair, flaw = sample["pair"], sample["flaw"]
    x0, y0, x1, y1 = flaw["edit_box"]
    side = min(max(x1 - x0, y1 - y0) * 3 // 2, pair["width"], pair["height"])
    left = min(max(0, (x0 + x1 - side) // 2), pair["width"] - side)
    top = min(max(0, (y0 + y1 - side) // 2), pair["height"] - side)
    crop = (left, top, left + side, top + side)

    def cut(image: Image.Image) -> Image.Image:
        return image.crop(crop).resize((CELL, CELL))

    yield from (cut(open_png(sample[member])) for member in MEMBERS)
    marked = cut(open_png(sample["artifact.png"]))
    half = [128 if value == flaw["index"] else 0 for value in range(256)]
    marked.paste((255, 0, 80), (0, 0), cut(open_png(sample["flaws.png"], "L").point(half)))
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


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description="Draw a sheet of published flaws.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tool", choices=TOOLS)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    args = parser.parse_args()
    samples = choose_flaws(args.package, args.tool, args.count)
    if not samples:
        sys.exit(
            f"no flaw of a CC0 or public-domain photo in {args.package}: "
            "run `flawfactory build` first, or pass --package"
        )
    draw_sheet(samples).save(args.out)
    print(f"{len(samples)} flaws: {args.out}")


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(str(error))
