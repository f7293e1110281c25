"""Draw labels and predictions on free sample photos, for the documentation.

    python -m benchmarks.perception.pictures OUT.jpg [name ...]

Labelled outlines and boxes are white, predicted entities and parts green. Draws only the CC0 and
public-domain photos of samples/photos; a name is a label's name without the folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.perception.labels import KINDS, LabelledPhoto, load, read_present, select
from benchmarks.perception.predictions import FOLDER, Perception
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.workspace import FactoryError
from stages.records.documents import Entity
from stages.records.images import Image
from stages.records.masks import decode

CELL, CAPTION, COLUMNS = 330, 20, 3
WHITE, GREEN = (255, 255, 255), (0, 230, 0)


def draw_labels(photo: LabelledPhoto, image: Image, entities: Sequence[Entity]) -> Image:
    """Draw labels and predictions on the photo, (H, W, 3) uint8."""
    out = image.copy()
    for entity in entities:
        masks = [part.mask for part in entity.parts if not part.positional]
        for number, mask in enumerate([entity.mask, *masks]):
            found = decode(mask).astype(np.uint8)
            lines, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(out, lines, -1, GREEN, 1 if number else 3)
    for kind in KINDS:
        for mark in photo.marks(kind):
            x0, y0, x1, y1 = mark.box
            cv2.rectangle(out, (x0, y0), (x1 - 1, y1 - 1), WHITE, 1)
    if photo.thing and photo.thing.outline:
        cv2.polylines(out, [np.array(photo.thing.outline, np.int32)], True, WHITE, 1)
    return out


def draw_sheet(cells: Sequence[tuple[str, Image]]) -> Pillow.Image:
    """Draw captioned pictures in `COLUMNS` columns."""
    rows = -(-len(cells) // COLUMNS)
    out = Pillow.new("RGB", (COLUMNS * CELL, rows * (CELL + CAPTION)), "white")
    for place, (text, image) in enumerate(cells):
        x, y = place % COLUMNS * CELL, place // COLUMNS * (CELL + CAPTION)
        ImageDraw.Draw(out).text((x + 2, y + 2), text, fill="black", font_size=14)
        picture = Pillow.fromarray(image)
        picture.thumbnail((CELL - 4, CELL))
        out.paste(picture, (x, y + CAPTION))
    return out


def draw_photos(wanted: list[LabelledPhoto]) -> Iterator[tuple[str, Image]]:
    """Yield captions and drawings of these photos.

    Raises:
        FactoryError: weights are missing.
        ValueError: a file is not the one that was labelled.
    """
    perceive = Perception(None, FOLDER)
    for photo, image in read_present(wanted, SHARDS, []):
        entities = perceive(photo, image)
        names = ", ".join(entity.name for entity in entities) or "nothing"
        yield f"{Path(photo.name).stem}: {names}", draw_labels(photo, image, entities)


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description="Draw labels and predictions on photos.")
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*", help="file names; default: all labelled samples")
    args = parser.parse_args()
    free = [photo for photo in load() if photo.collection == "samples"]
    try:
        found = UntilStopped(draw_photos(select(free, args.names)))
        cells = list(found)
    except (FactoryError, ValueError) as problem:
        sys.exit(str(problem))
    draw_sheet(cells).save(args.out, quality=85)
    print(f"{len(cells)} photos: {args.out}")
    found.exit_if_stopped()


if __name__ == "__main__":
    main()
