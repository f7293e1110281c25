"""Compare renderings by blind pairwise looks: which one looks more like a generator's flaw?

    python -m benchmarks.quality.looks sheets LOOKS
    python -m benchmarks.quality.looks tally LOOKS ANSWERS.json [--record FILE.json]

``sheets`` writes ``sheet-<n>.png`` of numbered looks to the folder LOOKS: the photo, our rendering
and a paste of the same mapping, as A and B in random order, cropped around the flaw.
``<LOOKS>.key.json`` beside the folder says which is which. ANSWERS.json maps each number to "A" or
"B"; ``tally`` counts our wins, and ``--record`` writes looks, key and answers to one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy.stats import binomtest

from benchmarks.quality import cases
from benchmarks.quality.compare import make_parser, make_renderers, make_table
from benchmarks.quality.renderers import Models
from benchmarks.quality.renderings import RenderedVariant, Renderings
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.models import registry
from stages.records.documents import Box, Document
from stages.records.images import Image
from stages.records.seeding import generator
from stages.tools import Tool

LOOKS = 50
"""Looks against each paste."""
PER_SHEET, COLUMNS = 10, 2
CELL, CAPTION, GAP = 288, 22, 10
"""Pixels."""
CROP_SCALE = 1.6
"""Side of the crop, relative to the longer side of the box of the flaw's targets."""
MIN_CROP = 96
"""Minimum side of a crop in photo pixels."""


class Key(Document):
    """The key of one look: which of the two pictures is ours."""

    look: int
    name: str
    tool: Tool
    against: str
    ours: Literal["A", "B"]


@dataclass(frozen=True)
class Look:
    """A numbered pair, ready to be drawn."""

    key: Key
    photo: Image
    a: Image
    b: Image


def crop_around(box: Box, size: tuple[int, int]) -> Box:
    """Return a square around `box`, with some margin, inside a photo of (width, height)."""
    longer = max(box[2] - box[0], box[3] - box[1])
    side = min(max(round(longer * CROP_SCALE), MIN_CROP), *size)
    x = min(max((box[0] + box[2] - side) // 2, 0), size[0] - side)
    y = min(max((box[1] + box[3] - side) // 2, 0), size[1] - side)
    return (x, y, x + side, y + side)


def make_looks(
    ours: Sequence[RenderedVariant], pastes: dict[str, Sequence[RenderedVariant]], seed: int
) -> list[Look]:
    """Make up to `LOOKS` looks per paste, in mixed order.

    Mappings that are not visible in one of the two renderings are left out.
    """
    rng = generator(seed, "looks")
    pairs = [
        (name, mine, other)
        for name, theirs in pastes.items()
        for mine, other in _choose_pairs(ours, theirs, rng)
    ]
    order = rng.permutation(len(pairs))
    found = []
    for number, i in enumerate(order, start=1):
        against, mine, other = pairs[i]
        found.append(_make_look(number, against, mine, other, rng))
    return found


def _choose_pairs(
    ours: Sequence[RenderedVariant], theirs: Sequence[RenderedVariant], rng: np.random.Generator
) -> list[tuple[RenderedVariant, RenderedVariant]]:
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.crop and b.crop]
    chosen = rng.permutation(len(pairs))[:LOOKS]
    return [pairs[i] for i in chosen]


def _make_look(
    number: int,
    against: str,
    mine: RenderedVariant,
    other: RenderedVariant,
    rng: np.random.Generator,
) -> Look:
    assert mine.crop is not None  # noqa: S101 - `_choose_pairs` leaves the others out
    height, width = mine.photo.shape[:2]
    x0, y0, x1, y1 = crop_around(mine.crop.target_box, (width, height))
    photo, ours, paste = (
        image[y0:y1, x0:x1]
        for image in (mine.photo, mine.photo_with("artifact"), other.photo_with("artifact"))
    )
    first = bool(rng.integers(2))
    key = Key(
        look=number,
        name=mine.name,
        tool=mine.variant.tool,
        against=against,
        ours="A" if first else "B",
    )
    a, b = (ours, paste) if first else (paste, ours)
    return Look(key, photo, a, b)


def draw_sheets(found: Sequence[Look]) -> Iterator[Pillow.Image]:
    """Draw `PER_SHEET` looks per sheet: number and tool over photo, A and B."""
    width, height = 3 * CELL + GAP, CELL + CAPTION
    for start in range(0, len(found), PER_SHEET):
        part = found[start : start + PER_SHEET]
        rows = -(-len(part) // COLUMNS)
        out = Pillow.new("RGB", (width * COLUMNS, height * rows), "white")
        draw = ImageDraw.Draw(out)
        for place, look in enumerate(part):
            row, column = divmod(place, COLUMNS)
            x, y = column * width, row * height
            text = f"{look.key.look}  ({look.key.tool})  photo"
            for cell, (caption, picture) in enumerate(
                ((text, look.photo), ("A", look.a), ("B", look.b))
            ):
                left = x + cell * CELL
                draw.text((left + 4, y + 3), caption, fill="black", font_size=15)
                drawn = Pillow.fromarray(picture).resize(
                    (CELL - 2, CELL - 2), Pillow.Resampling.LANCZOS
                )
                out.paste(drawn, (left, y + CAPTION))
        yield out


def tally_answers(keys: Sequence[Key], answers: dict[str, Any]) -> list[list[str]]:
    """Make rows of our wins with Wilson's 95 % interval, by paste, by tool and for all.

    Raises:
        ValueError: an answer is missing or is neither A nor B.
    """
    for key in keys:
        if answers.get(str(key.look)) not in ("A", "B"):
            raise ValueError(f"look {key.look}: the answer must be A or B")
    groups = {f"against {name}": name for name in sorted({key.against for key in keys})}
    groups |= {name: name for name in dict.fromkeys(key.tool for key in keys)}
    rows = []
    for title, name in {**groups, "all": None}.items():
        part = [k for k in keys if name in (None, k.against, k.tool)]
        won = sum(answers[str(key.look)] == key.ours for key in part)
        interval = binomtest(won, len(part)).proportion_ci(method="wilson")
        rows.append(
            [
                title,
                str(len(part)),
                f"{won / len(part):.0%}",
                f"{interval.low:.0%} to {interval.high:.0%}",
            ]
        )
    return rows


def key_path(folder: Path) -> Path:
    """Return the path of the key: beside the folder, so that raters who open it see no key."""
    return folder.with_name(f"{folder.name}.key.json")


def write_looks(folder: Path, found: Sequence[Look]) -> None:
    """Write the sheets to `folder` and the key beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, sheet in enumerate(draw_sheets(found), start=1):
        sheet.save(folder / f"sheet-{number:02d}.png")
    keys = [look.key.model_dump(mode="json") for look in found]
    write_atomically(key_path(folder), pretty_json(keys))


def main() -> None:
    """Draw sheets or count answers."""
    parser = make_parser("Compare renderings by blind pairwise looks.")
    parser.add_argument("command", choices=("sheets", "tally"))
    parser.add_argument("looks", type=Path, help="folder of the sheets")
    parser.add_argument("answers", type=Path, nargs="?", help='JSON: {"1": "A", ...}')
    parser.add_argument("--record", type=Path, help="tally: file for looks, key and answers")
    parser.add_argument("--seed", type=int, default=0, help="seed of the order and the sides")
    args = parser.parse_args()
    if args.command == "sheets":
        found = cases.load(args.side, args.tool, args.per_tool)
        models = Models(args.profile, args.folder)
        rendered = UntilStopped(
            (r.name, list(Renderings(r, found, args.folder, args.shards)))
            for r in make_renderers(models)
        )
        by_renderer = list(rendered)
        rendered.exit_if_stopped()  # a look needs both pictures; the pictures so far are cached
        ours, *pastes = by_renderer
        write_looks(args.looks, make_looks(ours[1], dict(pastes), args.seed))
        return
    if args.answers is None:
        parser.error("tally needs ANSWERS.json")
    keys = [Key.model_validate(key) for key in json.loads(key_path(args.looks).read_bytes())]
    answers = json.loads(args.answers.read_bytes())
    rows = tally_answers(keys, answers)
    if args.record is not None:
        kept = [{**key.model_dump(), "answer": answers[str(key.look)]} for key in keys]
        revision = registry.revision("flow", args.profile)
        write_atomically(args.record, pretty_json({"flow": revision, "looks": kept}))
    print(make_table(["looks", "count", "ours wins", "95 % interval"], rows))


if __name__ == "__main__":
    main()
