"""Draw a sheet of published pairs: photo, control, flaw and mask, cropped around the flaw.

    python benchmarks/sheet.py OUT.png [--tool add] [--count 24] [--package data/package]

Takes only pairs of CC0 and public-domain photos, so that the sheet may be published, and spreads
them over the photos.
"""

from __future__ import annotations

import argparse
import io
import json
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

from stages.tools import TOOLS

FREE = ("CC0-1.0", "CC-PDM-1.0")
CELL, CAPTION, COLUMNS = 180, 18, 2
Sample = dict[str, Any]
MEMBERS = ("real.png", "control.png", "artifact.png")


def interleave(groups: Iterable[list[Sample]]) -> list[Sample]:
    """Return the first sample of every group, then the second of every group, and so on."""
    rounds = chain.from_iterable(zip_longest(*groups))
    return [sample for sample in rounds if sample is not None]


def choose_pairs(package: Path, tool: str | None, count: int) -> list[Sample]:
    """Choose pairs of free photos, alternating between tools, and within a tool between photos."""
    shards = sorted(map(str, package.glob("*.tar")))
    found: dict[str, dict[str, list[Sample]]] = {}
    for sample in WebDataset(shards, shardshuffle=False, empty_check=False):
        facts = json.loads(sample["json"])
        if facts["licence"] in FREE and tool in (None, facts["tool"]):
            photos = found.setdefault(facts["tool"], {})
            photos.setdefault(facts["photo"], []).append({**sample, "facts": facts})
    return interleave(interleave(photos.values()) for photos in found.values())[:count]


def draw_cells(sample: Sample) -> Iterator[Image.Image]:
    """Crop photo, control, flaw, and the flaw with its mask, around the edited region."""
    facts = sample["facts"]
    x0, y0, x1, y1 = facts["edit_box"]
    side = min(max(x1 - x0, y1 - y0) * 3 // 2, facts["width"], facts["height"])
    left = min(max(0, (x0 + x1 - side) // 2), facts["width"] - side)
    top = min(max(0, (y0 + y1 - side) // 2), facts["height"] - side)
    crop = (left, top, left + side, top + side)

    def cut(member: str, mode: str) -> Image.Image:
        with Image.open(io.BytesIO(sample[member]), formats=["PNG"]) as image:
            return image.convert(mode).crop(crop).resize((CELL, CELL))

    yield from (cut(member, "RGB") for member in MEMBERS)
    marked = cut("artifact.png", "RGB")
    marked.paste((255, 0, 80), (0, 0), cut("mask.png", "L").point([v // 2 for v in range(256)]))
    yield marked


def draw_sheet(samples: list[Sample]) -> Image.Image:
    """Draw all pairs in `COLUMNS` columns."""
    width, height = CELL * 4 + 12, CELL + CAPTION
    rows = -(-len(samples) // COLUMNS)
    out = Image.new("RGB", (width * COLUMNS, height * rows), "white")
    for number, sample in enumerate(samples):
        row, column = divmod(number, COLUMNS)
        x, y, facts = column * width, row * height, sample["facts"]
        text = f"{facts['tool']} / {facts['kernel']}: {facts['entity']}, {facts['part']}"
        ImageDraw.Draw(out).text((x + 2, y + 2), text, fill="black", font_size=12)
        for place, cell in enumerate(draw_cells(sample)):
            out.paste(cell, (x + place * CELL, y + CAPTION))
    return out


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description="Draw a sheet of published pairs.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--tool", choices=TOOLS)
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    args = parser.parse_args()
    samples = choose_pairs(args.package, args.tool, args.count)
    if not samples:
        sys.exit(
            f"no pair of a CC0 or public-domain photo in {args.package}: "
            "run `flawfactory build` first, or pass --package"
        )
    draw_sheet(samples).save(args.out)
    print(f"{len(samples)} pairs: {args.out}")


if __name__ == "__main__":
    main()
