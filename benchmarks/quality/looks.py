"""Blind pairwise looks: which one looks like a generator's flaw?

    python -m benchmarks.quality.looks sheets LOOKS
    python -m benchmarks.quality.looks tally LOOKS ANSWERS.json [--record FILE.json]

``sheets`` writes ``sheet-<n>.png`` of numbered looks into the folder LOOKS: the photo, ours and
a paste of the same mapping, A and B in random order, cropped around the flaw. Beside the folder,
``<LOOKS>.key.json`` says which is which. ANSWERS.json maps each number to "A" or "B"; ``tally``
counts our wins, and writes looks, key and answers into one file to keep.
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
from benchmarks.quality.compare import arguments, methods, table
from benchmarks.quality.renderers import Models
from benchmarks.quality.renderings import Renderings, Shown
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.models import registry
from stages.records.documents import Box, Document, Tool
from stages.records.images import Image
from stages.records.seeding import generator

LOOKS = 50
"""Against each paste."""
A_SHEET, COLUMNS = 10, 2
CELL, CAPTION, GAP = 288, 22, 10
"""Pixels."""
ROOM = 1.6
"""Side of the crop in the longer side of the flaw's targets."""
LEAST = 96
"""Photo pixels that a crop shows at least."""


class Key(Document):
    """Which is which in one look."""

    look: int
    name: str
    tool: Tool
    against: str
    ours: Literal["A", "B"]


@dataclass(frozen=True)
class Look:
    """One numbered pair, ready to be drawn."""

    key: Key
    photo: Image
    a: Image
    b: Image


def around(box: Box, size: tuple[int, int]) -> Box:
    """A square with room around `box` inside a photo of (width, height)."""
    longer = max(box[2] - box[0], box[3] - box[1])
    side = min(max(round(longer * ROOM), LEAST), *size)
    x = min(max((box[0] + box[2] - side) // 2, 0), size[0] - side)
    y = min(max((box[1] + box[3] - side) // 2, 0), size[1] - side)
    return (x, y, x + side, y + side)


def looks(ours: Sequence[Shown], pastes: dict[str, Sequence[Shown]], seed: int) -> list[Look]:
    """Up to `LOOKS` looks a paste, mixed; without mappings that one of the two could not show."""
    rng = generator(seed, "looks")
    pairs = [
        (name, mine, other)
        for name, theirs in pastes.items()
        for mine, other in _both(ours, theirs, rng)
    ]
    order = rng.permutation(len(pairs))
    found = []
    for number, i in enumerate(order, start=1):
        against, mine, other = pairs[i]
        found.append(_look(number, against, mine, other, rng))
    return found


def _both(
    ours: Sequence[Shown], theirs: Sequence[Shown], rng: np.random.Generator
) -> list[tuple[Shown, Shown]]:
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a.crop and b.crop]
    chosen = rng.permutation(len(pairs))[:LOOKS]
    return [pairs[i] for i in chosen]


def _look(number: int, against: str, mine: Shown, other: Shown, rng: np.random.Generator) -> Look:
    assert mine.crop is not None  # noqa: S101 - `_both` left the others out
    height, width = mine.photo.shape[:2]
    x0, y0, x1, y1 = around(mine.crop.target_box, (width, height))
    photo, ours, paste = (
        whole[y0:y1, x0:x1]
        for whole in (mine.photo, mine.whole("artifact"), other.whole("artifact"))
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


def sheets(found: Sequence[Look]) -> Iterator[Pillow.Image]:
    """`A_SHEET` looks a sheet: number and tool over photo, A and B."""
    width, height = 3 * CELL + GAP, CELL + CAPTION
    for start in range(0, len(found), A_SHEET):
        part = found[start : start + A_SHEET]
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


def tally(keys: Sequence[Key], answers: dict[str, Any]) -> list[list[str]]:
    """Rows of wins with the 95 % interval (Wilson), by paste, by tool and for all.

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
    """Beside the folder, so that who looks into it is told nothing."""
    return folder.with_name(f"{folder.name}.key.json")


def write(folder: Path, found: Sequence[Look]) -> None:
    """The sheets into `folder`, the key beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, sheet in enumerate(sheets(found), start=1):
        sheet.save(folder / f"sheet-{number:02d}.png")
    keys = [look.key.model_dump(mode="json") for look in found]
    write_atomically(key_path(folder), pretty_json(keys))


def main() -> None:
    """Draw sheets, or count answers."""
    parser = arguments("Blind pairwise looks.")
    parser.add_argument("command", choices=("sheets", "tally"))
    parser.add_argument("looks", type=Path, help="folder of the sheets")
    parser.add_argument("answers", type=Path, nargs="?", help='JSON: {"1": "A", ...}')
    parser.add_argument("--record", type=Path, help="of the tally: where to keep it all")
    parser.add_argument("--seed", type=int, default=0, help="another one: other order and sides")
    given = parser.parse_args()
    if given.command == "sheets":
        found, models = cases.load(given.side, given.tool), Models(given.profile, given.folder)
        rendered = UntilStopped(
            (r.name, list(Renderings(r, found, given.folder, given.shards)))
            for r in methods(models)
        )
        shown = list(rendered)
        rendered.leave()  # a look needs both pictures; what was rendered is kept
        ours, *pastes = shown
        write(given.looks, looks(ours[1], dict(pastes), given.seed))
        return
    if given.answers is None:
        parser.error("tally needs the answers")
    keys = [Key.model_validate(key) for key in json.loads(key_path(given.looks).read_bytes())]
    answers = json.loads(given.answers.read_bytes())
    rows = tally(keys, answers)
    if given.record is not None:
        kept = [{**key.model_dump(), "answer": answers[str(key.look)]} for key in keys]
        revision = registry.revision("flow", given.profile)
        write_atomically(given.record, pretty_json({"flow": revision, "looks": kept}))
    print(table(["looks", "count", "ours wins", "95 % interval"], rows))


if __name__ == "__main__":
    main()
