"""Draw what an inspector finds in published pairs, which are drawn by lot.

    python benchmarks/inspected.py docs/pictures/inspected.jpg [--inspector compact] [--count 6]

Each row shows the flawed picture with its true mask, what the inspector found in it, and what it
found in the control, which has no flaw. Takes only CC0 and public-domain photos; nobody chooses.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from PIL import Image, ImageDraw

from applications.inspectors import load_inspector
from applications.overlay import draw_overlay
from applications.protocols import Inspector
from benchmarks.sheet import Sample, draw_lots, read_flaws
from stages.engine.workspace import FactoryError
from stages.package.members import get_picture
from stages.records.images import open_picture, open_png

HEIGHT, CAPTION, FONT = 200, 18, 13


def draw_row(sample: Sample, inspector: Inspector) -> Iterator[tuple[str, Image.Image]]:
    """Yield caption and picture of each cell of a row."""
    flawed = open_picture(get_picture(sample, "artifact"))
    marked = flawed.copy()
    tint = open_png(sample["mask.png"], "L").point([0, *[128] * 255])
    marked.paste((255, 0, 80), (0, 0), tint)
    yield f"{sample['flaw']['tool']}: the flaw", marked
    control = open_picture(get_picture(sample, "control"))
    for name, picture in (("flawed", flawed), ("control", control)):
        pixels = np.asarray(picture.convert("RGB"))
        finding = inspector.inspect(pixels)
        drawn = draw_overlay(pixels, finding, inspector.thresholds)
        yield f"{name}: probability {finding.probability:.2f}", drawn


def draw_rows(samples: list[Sample], inspector: Inspector) -> Image.Image:
    """Draw a row a sample, two samples side by side."""
    rows = [list(draw_row(sample, inspector)) for sample in samples]
    width = max(round(cell.width * HEIGHT / cell.height) for row in rows for _, cell in row) + 4
    lines = -(-len(rows) // 2)
    out = Image.new("RGB", (6 * width, lines * (HEIGHT + CAPTION)), "white")
    draw = ImageDraw.Draw(out)
    for number, row in enumerate(rows):
        line, half = divmod(number, 2)
        for place, (caption, cell) in enumerate(row):
            x, y = (half * 3 + place) * width, line * (HEIGHT + CAPTION)
            draw.text((x + 2, y + 2), caption, fill="black", font_size=FONT)
            size = round(cell.width * HEIGHT / cell.height), HEIGHT
            out.paste(cell.resize(size), (x, y + CAPTION))
    return out


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--inspector", default="compact")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--package", type=Path, default=Path("data/package"))
    args = parser.parse_args()
    samples = draw_lots(read_flaws(args.package), None, args.count)
    if not samples:
        sys.exit(f"no flaw of a CC0 or public-domain photo in {args.package}")
    draw_rows(samples, load_inspector(args.inspector)).save(args.out, quality=85)
    print(f"{len(samples)} flaws: {args.out}")


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(str(error))
