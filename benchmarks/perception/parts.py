"""Every predicted part of a person before the eye: right name, right place?

    python -m benchmarks.perception.parts sheets OUT [--profile compact] [--shards FOLDER]
    python -m benchmarks.perception.parts tally OUT WRONG.json [--record FILE.json]

``sheets`` writes ``sheet-<n>.png`` of numbered parts, each outlined in its photo, into the folder
OUT, and ``key.json``. WRONG.json is a list of the numbers whose name or place is wrong; ``tally``
counts by kind, and keeps all verdicts, keyed by photo and part, in one file.
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

from benchmarks.perception.labels import LabelledPhoto, load, named, present
from benchmarks.perception.predictions import FOLDER, Perception
from benchmarks.perception.score import PERSON, Share
from benchmarks.perception.tables import percent
from benchmarks.quality.compare import table
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.engine.workspace import FactoryError
from stages.records.documents import Box, Document, Entity, Part
from stages.records.images import Image
from stages.records.masks import Mask, decode

PHOTOS = 25
CELL, CAPTION, COLUMNS, ROWS = 220, 18, 8, 5
"""Pixels of a tile and its caption, tiles of a sheet."""
ROOM, LEAST = 2.2, 110
"""Side of the crop in the part's longer side, and the photo pixels it shows at least."""


class Verdict(Document):
    """One part and, once somebody looked, whether name and place are right."""

    number: int
    photo: str
    part: str
    """``<entity id> <name>``"""
    kind: str
    score: float
    right: bool | None = None


def chosen(labelled: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """The first `PHOTOS` by sha256 of those with a labelled person that is not difficult."""
    people = [p for p in labelled if any(not mark.difficult for mark in p.people)]
    return sorted(people, key=lambda photo: photo.sha256)[:PHOTOS]


def around(box: Box, size: tuple[int, int]) -> Box:
    """A square with room around `box`, cut off where a photo of (width, height) ends."""
    side = max(ROOM * max(box[2] - box[0], box[3] - box[1]), LEAST)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    low = max(round(x - side / 2), 0), max(round(y - side / 2), 0)
    return (*low, min(round(x + side / 2), size[0]), min(round(y + side / 2), size[1]))


def tile(image: Image, mask: Mask, box: Box) -> Pillow.Image:
    """The mask's outline on the photo, cut out around `box` and enlarged to `CELL`."""
    x0, y0, x1, y1 = around(box, (image.shape[1], image.shape[0]))
    scale = CELL / max(x1 - x0, y1 - y0)
    size = (max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1))
    crop = cv2.resize(np.ascontiguousarray(image[y0:y1, x0:x1]), size)
    shown = cv2.resize(mask[y0:y1, x0:x1].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for colour, width in (((0, 0, 0), 3), ((0, 255, 0), 1)):
        cv2.drawContours(crop, lines, -1, colour, width)
    return Pillow.fromarray(crop)


def people_parts(entities: Sequence[Entity]) -> Iterator[tuple[Entity, Part]]:
    """Named parts of people."""
    for entity in entities:
        if entity.name == PERSON:
            yield from ((entity, part) for part in entity.parts if not part.positional)


def sheets(tiles: Sequence[tuple[Verdict, Pillow.Image]]) -> Iterator[Pillow.Image]:
    """`COLUMNS` x `ROWS` tiles a sheet under their numbers and names."""
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


def tiles(
    perceive: Perception, labelled: Sequence[LabelledPhoto], shards: Path, missing: list[str]
) -> Iterator[tuple[Verdict, Pillow.Image]]:
    """All parts of people in the photos, numbered; photos that are not there are added to
    `missing`.

    Raises:
        FactoryError: weights are missing.
        ValueError: a file is not the one that was labelled.
    """
    number = count(1)
    for photo, image in present(list(labelled), shards, missing):
        for entity, part in people_parts(perceive(photo, image)):
            verdict = Verdict(
                number=next(number),
                photo=photo.name,
                part=f"{entity.id} {part.name}",
                kind=part.kind,
                score=part.score,
            )
            yield verdict, tile(image, decode(part.mask), part.box)


def write_sheets(found: Sequence[tuple[Verdict, Pillow.Image]], folder: Path) -> None:
    """Sheets and key of these parts."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, sheet in enumerate(sheets(found), start=1):
        sheet.save(folder / f"sheet-{number}.png")
    key = [verdict.model_dump(exclude={"right"}) for verdict, _ in found]
    write_atomically(folder / "key.json", pretty_json(key))


def judged(key: Path, wrong: Path) -> list[Verdict]:
    """The key's parts with the verdicts.

    Raises:
        ValueError: a number is not on the sheets.
    """
    numbers = set(json.loads(wrong.read_text(encoding="utf-8")))
    asked = [Verdict.model_validate(v) for v in json.loads(key.read_text(encoding="utf-8"))]
    if unknown := numbers - {verdict.number for verdict in asked}:
        raise ValueError(f"{wrong}: no part has the number {min(unknown)}")
    return [v.model_copy(update={"right": v.number not in numbers}) for v in asked]


def by_kind(verdicts: Sequence[Verdict]) -> str:
    """Share right of each kind, as a table."""
    kinds = sorted({verdict.kind for verdict in verdicts})
    groups = [(kind, [v for v in verdicts if v.kind == kind]) for kind in kinds]
    lines = [
        [name, percent(Share.of(sum(v.right is True for v in held), len(held)))]
        for name, held in [*groups, ("all", list(verdicts))]
    ]
    return table(["part", "right name and place"], lines)


def main() -> None:
    """Write the sheets or count the verdicts."""
    parser = argparse.ArgumentParser(description="Are a person's parts where they should be?")
    commands = parser.add_subparsers(dest="command", required=True)
    drawn = commands.add_parser("sheets")
    drawn.add_argument("out", type=Path)
    drawn.add_argument("--profile")
    drawn.add_argument("--shards", type=Path, default=SHARDS)
    drawn.add_argument("--folder", type=Path, default=FOLDER, help="of what is kept")
    drawn.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    counted = commands.add_parser("tally")
    counted.add_argument("out", type=Path)
    counted.add_argument("wrong", type=Path)
    counted.add_argument("--record", type=Path)
    given = parser.parse_args()
    try:
        if given.command == "sheets":
            missing: list[str] = []
            wanted = named(chosen(load()), given.photos)
            perceive = Perception(given.profile, given.folder)
            parts = UntilStopped(tiles(perceive, wanted, given.shards, missing))
            write_sheets(found := list(parts), given.out)
            print(f"{len(found)} parts: {given.out}")
            print("".join(f"not there: {name}\n" for name in missing), end="")
            parts.leave()
            return
        verdicts = judged(given.out / "key.json", given.wrong)
    except (FactoryError, ValueError, OSError) as problem:
        sys.exit(str(problem))
    print(by_kind(verdicts))
    if given.record:
        rows = [v.model_dump() for v in verdicts]
        write_atomically(given.record, pretty_json({"parts": rows}))


if __name__ == "__main__":
    main()
