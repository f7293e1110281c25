"""Check every predicted part of people by eye: are its name and place right?

    python -m benchmarks.perception.parts sheets OUT [--profile compact] [--shards FOLDER]
    python -m benchmarks.perception.parts tally OUT WRONG.json [--record FILE.json]

``sheets`` writes ``sheet-<n>.png`` of numbered parts, each outlined in its photo, and ``key.json``
to the folder OUT. WRONG.json is a list of the numbers whose name or place is wrong; ``tally``
counts by kind, and ``--record`` writes all verdicts, with photo and part, to one file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks.perception.labels import LabelledPhoto, load, read_present, select
from benchmarks.perception.predictions import FOLDER, Perception
from benchmarks.perception.score import PERSON, Share
from benchmarks.perception.tables import format_share
from benchmarks.quality.compare import make_table
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.engine.workspace import FactoryError
from stages.records.documents import Box, Document, Entity, Part
from stages.records.images import Image
from stages.records.masks import Mask, decode

PHOTOS = 25
"""Number of photos."""
CELL, CAPTION, COLUMNS, ROWS = 220, 18, 8, 5
"""Pixels of a tile and of its caption; columns and rows of tiles on a sheet."""
CROP_SCALE, MIN_CROP = 2.2, 110
"""Side of the crop, relative to the part's longer side, and its minimum in photo pixels."""


class PartVerdict(Document):
    """A part and, once it has been checked, whether its name and place are right."""

    number: int
    photo: str
    part: str
    """``<entity id> <name>``"""
    kind: str
    score: float
    right: bool | None = None


def choose_photos(labelled: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """Choose the first `PHOTOS` by sha256 that have a labelled person who is not difficult."""
    people = [p for p in labelled if any(not mark.difficult for mark in p.people)]
    return sorted(people, key=lambda photo: photo.sha256)[:PHOTOS]


def crop_around(box: Box, size: tuple[int, int]) -> Box:
    """Return a square around `box`, with some margin, clipped to a photo of (width, height)."""
    side = max(CROP_SCALE * max(box[2] - box[0], box[3] - box[1]), MIN_CROP)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    low = max(round(x - side / 2), 0), max(round(y - side / 2), 0)
    return (*low, min(round(x + side / 2), size[0]), min(round(y + side / 2), size[1]))


def draw_tile(image: Image, mask: Mask, box: Box) -> Pillow.Image:
    """Draw the mask's outline on the photo, cropped around `box` and scaled to `CELL`."""
    x0, y0, x1, y1 = crop_around(box, (image.shape[1], image.shape[0]))
    scale = CELL / max(x1 - x0, y1 - y0)
    size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
    crop = cv2.resize(np.ascontiguousarray(image[y0:y1, x0:x1]), size)
    shown = cv2.resize(mask[y0:y1, x0:x1].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for colour, width in (((0, 0, 0), 3), ((0, 255, 0), 1)):
        cv2.drawContours(crop, lines, -1, colour, width)
    return Pillow.fromarray(crop)


def named_parts(entities: Sequence[Entity]) -> Iterator[tuple[Entity, Part]]:
    """Yield the named parts of people."""
    for entity in entities:
        if entity.name == PERSON:
            yield from ((entity, part) for part in entity.parts if not part.positional)


def draw_sheets(tiles: Sequence[tuple[PartVerdict, Pillow.Image]]) -> Iterator[Pillow.Image]:
    """Draw `COLUMNS` x `ROWS` tiles per sheet under their numbers and names."""
    for start in range(0, len(tiles), COLUMNS * ROWS):
        held = tiles[start : start + COLUMNS * ROWS]
        rows = -(-len(held) // COLUMNS)
        out = Pillow.new("RGB", (COLUMNS * (CELL + 4), rows * (CELL + CAPTION)), "white")
        draw = ImageDraw.Draw(out)
        for place, (verdict, picture) in enumerate(held):
            x, y = place % COLUMNS * (CELL + 4), place // COLUMNS * (CELL + CAPTION)
            draw.text((x + 2, y), f"{verdict.number} {verdict.part}", fill="black", font_size=14)
            out.paste(picture, (x, y + CAPTION))
        yield out


def make_tiles(
    perceive: Perception, labelled: Sequence[LabelledPhoto], shards: Path, missing: list[str]
) -> Iterator[tuple[PartVerdict, Pillow.Image]]:
    """Yield all parts of people in the photos, numbered, with tiles.

    Names of photos that are not present are added to `missing`.

    Raises:
        FactoryError: weights are missing.
        ValueError: a file is not the one that was labelled.
    """
    number = count(1)
    for photo, image in read_present(list(labelled), shards, missing):
        for entity, part in named_parts(perceive(photo, image)):
            verdict = PartVerdict(
                number=next(number),
                photo=photo.name,
                part=f"{entity.id} {part.name}",
                kind=part.kind,
                score=part.score,
            )
            yield verdict, draw_tile(image, decode(part.mask), part.box)


def write_sheets(found: Sequence[tuple[PartVerdict, Pillow.Image]], folder: Path) -> None:
    """Write the sheets and the key of these parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, sheet in enumerate(draw_sheets(found), start=1):
        sheet.save(folder / f"sheet-{number}.png")
    key = [verdict.model_dump(exclude={"right"}) for verdict, _ in found]
    write_atomically(folder / "key.json", pretty_json(key))


def read_verdicts(key: Path, wrong: Path) -> list[PartVerdict]:
    """Read the key's parts and set their verdicts.

    Raises:
        ValueError: a number is not on the sheets.
    """
    numbers = set(json.loads(wrong.read_text(encoding="utf-8")))
    parts = [PartVerdict.model_validate(v) for v in json.loads(key.read_text(encoding="utf-8"))]
    if unknown := numbers - {verdict.number for verdict in parts}:
        raise ValueError(f"{wrong}: no part in {key} has the number {min(unknown)}")
    return [v.model_copy(update={"right": v.number not in numbers}) for v in parts]


def tabulate_by_kind(verdicts: Sequence[PartVerdict]) -> str:
    """Make a table of each kind's share of right parts."""
    kinds = sorted({verdict.kind for verdict in verdicts})
    groups = [(kind, [v for v in verdicts if v.kind == kind]) for kind in kinds]
    lines = [
        [name, format_share(Share.of(sum(v.right is True for v in held), len(held)))]
        for name, held in [*groups, ("all", list(verdicts))]
    ]
    return make_table(["part", "right name and place"], lines)


def main() -> None:
    """Write the sheets or count the verdicts."""
    parser = argparse.ArgumentParser(description="Check predicted parts of people by eye.")
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets")
    sheets.add_argument("out", type=Path)
    sheets.add_argument("--profile")
    sheets.add_argument("--shards", type=Path, default=SHARDS)
    sheets.add_argument("--folder", type=Path, default=FOLDER, help="cache folder")
    sheets.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    tally = commands.add_parser("tally")
    tally.add_argument("out", type=Path)
    tally.add_argument("wrong", type=Path)
    tally.add_argument("--record", type=Path)
    args = parser.parse_args()
    try:
        if args.command == "sheets":
            missing: list[str] = []
            wanted = select(choose_photos(load()), args.photos)
            perceive = Perception(args.profile, args.folder)
            parts = UntilStopped(make_tiles(perceive, wanted, args.shards, missing))
            write_sheets(found := list(parts), args.out)
            print(f"{len(found)} parts: {args.out}")
            print("".join(f"missing: {name}\n" for name in missing), end="")
            parts.exit_if_stopped()
            return
        verdicts = read_verdicts(args.out / "key.json", args.wrong)
    except (FactoryError, ValueError, OSError) as problem:
        sys.exit(str(problem))
    print(tabulate_by_kind(verdicts))
    if args.record:
        rows = [v.model_dump() for v in verdicts]
        write_atomically(args.record, pretty_json({"parts": rows}))


if __name__ == "__main__":
    main()
