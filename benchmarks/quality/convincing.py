"""Ask blind lookers of published flaws: convincing, borderline, or not?

    python -m benchmarks.quality.convincing sheets LOOKS [NAME=]PACKAGE ... [--per-tool 25]
    python -m benchmarks.quality.convincing tally LOOKS ANSWERS.json ... [--record RECORD.json]
    python -m benchmarks.quality.convincing tally RECORD.json

``sheets`` draws flaws that the filter accepted from packages (``data/package`` of a checkout),
as many of each tool, and writes ``sheet-<n>.png`` of numbered looks to the folder LOOKS: the flawed
picture around the flaw, and the whole of it with that region framed, without the photo, control or
mask. ``<LOOKS>.key.json`` beside the folder says what each look is. Packages with the same NAME
form one sample, such as ``before`` or ``after``, whose share is drawn from its packages in turn;
the looks of all samples are mixed. The draw depends on the seed and the flaws' names only.

The question is: does this look like a flaw that an image generator itself would make? ANSWERS.json
of each looker maps every number to "convincing", "borderline" or "not". ``tally`` prints a table,
and ``--record`` writes key and answers to one file, which can be counted again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

os.environ["WDS_SECURE"] = "1"

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy.stats import binomtest
from webdataset.compat import WebDataset

from benchmarks.quality.compare import make_table
from benchmarks.quality.looks import crop_around, key_path
from flows.records import read_record
from stages.engine.files import canonical_json, pretty_json, write_atomically
from stages.engine.workspace import FactoryError
from stages.package.members import get_picture
from stages.records.documents import Box, Document
from stages.records.images import Image, read_picture
from stages.tools import TOOLS, Tool

VERDICTS = ("convincing", "borderline", "not")
PER_TOOL = 25
COLUMNS, ROWS = 3, 3
CROP, WHOLE, CAPTION, GAP = 384, 128, 24, 10
"""Pixels: side of the crop, longer side of the whole picture, height of a caption."""
FRAME = (255, 0, 80)


class Key(Document):
    """What one look shows."""

    look: int
    sample: str
    flaw: str
    """Photo and id of the flaw."""
    tool: Tool
    kernel: str
    part_kind: str
    positional: bool
    within_entity: bool
    probability: float
    """Of the judge; -1 if it estimates none."""


class Rated(Key):
    """A look with its answers, one per looker."""

    answers: list[str]


@dataclass(frozen=True)
class Flaw:
    """A published flaw."""

    key: Key
    caption: str
    box: Box
    """Bounds of its mask in the picture."""
    picture: Image


def read_flaws(package: Path, sample: str) -> Iterator[Flaw]:
    """Yield the flaws of a package.

    Raises:
        FactoryError: there is no data set, or it has another schema version.
    """
    shards = sorted(map(str, package.glob("*.tar")))
    if not shards:
        raise FactoryError(f"no shard in {package}: run `flawfactory build` first")
    for pair in WebDataset(shards, shardshuffle=False, empty_check=False):
        record = read_record(pair["json"], str(package))
        picture = read_picture(get_picture(pair, "artifact"))
        for flaw in record["flaws"]:
            scores = {score["name"]: score["value"] for score in flaw["scores"]}
            names = ("tool", "kernel", "part_kind", "positional", "within_entity")
            key = Key(
                look=0,
                sample=sample,
                flaw=f"{record['photo']}-{flaw['id']}",
                probability=round(scores.get("probability", -1), 3),
                **{name: flaw[name] for name in names},
            )
            yield Flaw(key, describe(flaw), tuple(flaw["mask_box"]), picture)


def describe(flaw: Mapping[str, str]) -> str:
    """Say what is meant to be wrong; of a positional part, the entity only."""
    if flaw["positional"]:
        return f"{flaw['tool']}: {flaw['entity']}"
    return f"{flaw['tool']}: " + " + ".join(filter(None, (flaw["part"], flaw["other"])))


def draw(packages: Sequence[Sequence[Flaw]], count: int, seed: int) -> list[Flaw]:
    """Draw up to `count` flaws of each tool from the packages in turn, in the order of a hash."""

    def rank(flaw: Flaw) -> bytes:
        return hashlib.sha256(f"{seed}/{flaw.key.flaw}/{flaw.key.tool}".encode()).digest()

    drawn = []
    for tool in TOOLS:
        ranked = [sorted((f for f in flaws if f.key.tool == tool), key=rank) for flaws in packages]
        in_turn = chain.from_iterable(zip_longest(*ranked))
        drawn += [flaw for flaw in in_turn if flaw is not None][:count]
    return drawn


def number(drawn: Iterable[Flaw], seed: int) -> list[Flaw]:
    """Mix the flaws and number them from 1."""
    flaws = list(drawn)
    order = np.random.default_rng(seed).permutation(len(flaws))
    mixed = [flaws[i] for i in order]
    return [
        Flaw(flaw.key.model_copy(update={"look": n}), flaw.caption, flaw.box, flaw.picture)
        for n, flaw in enumerate(mixed, start=1)
    ]


def draw_sheets(looks: Sequence[Flaw]) -> Iterator[Pillow.Image]:
    """Draw the looks: number and caption over the crop and the whole picture."""
    width, height = CROP + WHOLE + GAP, CROP + CAPTION
    for start in range(0, len(looks), COLUMNS * ROWS):
        out = Pillow.new("RGB", (width * COLUMNS, height * ROWS), "white")
        draw = ImageDraw.Draw(out)
        for place, look in enumerate(looks[start : start + COLUMNS * ROWS]):
            row, column = divmod(place, COLUMNS)
            x, y = column * width, row * height
            text = f"{look.key.look}   {look.caption}"
            draw.text((x + 2, y + 2), text, fill="black", font_size=17)
            size = (look.picture.shape[1], look.picture.shape[0])
            crop, picture = crop_around(look.box, size), Pillow.fromarray(look.picture)
            detail = picture.crop(crop).resize((CROP, CROP), Pillow.Resampling.LANCZOS)
            out.paste(detail, (x, y + CAPTION))
            scale = WHOLE / max(size)
            whole = picture.resize((round(size[0] * scale), round(size[1] * scale)))
            frame = [round(edge * scale) for edge in crop]
            ImageDraw.Draw(whole).rectangle(frame, outline=FRAME)
            out.paste(whole, (x + CROP + 2, y + CAPTION))
        yield out


def write_looks(folder: Path, looks: Sequence[Flaw]) -> None:
    """Write the sheets to `folder` and the key beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, sheet in enumerate(draw_sheets(looks), start=1):
        sheet.save(folder / f"sheet-{n:02d}.png")
    keys = [look.key.model_dump(mode="json") for look in looks]
    write_atomically(key_path(folder), pretty_json(keys))


def collect(keys: Sequence[Key], answers: Sequence[Mapping[str, str]]) -> list[Rated]:
    """Collect each look's answers. A looker may leave out looks that another one answers.

    Raises:
        ValueError: a look has no answer, or one that is none of `VERDICTS`.
    """
    rated = []
    for key in keys:
        given = [answer[str(key.look)] for answer in answers if str(key.look) in answer]
        if not given or set(given) - set(VERDICTS):
            raise ValueError(f"look {key.look}: the answer must be one of {', '.join(VERDICTS)}")
        rated.append(Rated(**key.model_dump(), answers=given))
    return rated


def tally(rated: Sequence[Rated]) -> list[list[str]]:
    """Make rows by sample, of all its looks and by tool, kernel, named and positional parts.

    Counts are of answers. The 95 % interval (Wilson's) of the share that is not "not" counts every
    look once, since the lookers see the same looks.
    """
    rows = []
    for sample in sorted({look.sample for look in rated}):
        for title, belongs in _groups(rated):
            part = [look for look in rated if look.sample == sample and belongs(look)]
            if not part:
                continue
            given = [answer for look in part for answer in look.answers]
            share = 1 - given.count("not") / len(given)
            hits = round(share * len(part))
            interval = binomtest(hits, len(part)).proportion_ci(method="wilson")
            counts = [str(given.count(verdict)) for verdict in VERDICTS]
            between = f"{interval.low:.0%} to {interval.high:.0%}"
            name = f"{sample}: {title}" if sample else title
            rows.append([name, str(len(part)), *counts, f"{share:.0%}", between])
    return rows


def _groups(rated: Sequence[Rated]) -> Iterator[tuple[str, Callable[[Key], bool]]]:
    yield "all", lambda key: True
    for tool in TOOLS:
        yield tool, lambda key, tool=tool: key.tool == tool
        for kernel in sorted({look.kernel for look in rated if look.tool == tool}):
            yield (
                f"{tool} / {kernel}",
                lambda key, tool=tool, kernel=kernel: (key.tool, key.kernel) == (tool, kernel),
            )
    yield "named parts", lambda key: not key.positional
    yield "positional parts", lambda key: key.positional


def draw_looks(args: argparse.Namespace) -> None:
    """Draw from the packages and write sheets and key."""
    samples: dict[str, list[list[Flaw]]] = {}
    for text in args.inputs:
        name, _, package = text.rpartition("=")
        samples.setdefault(name, []).append(list(read_flaws(Path(package), name)))
    drawn = [f for flaws in samples.values() for f in draw(flaws, args.per_tool, args.seed)]
    if not drawn:
        raise FactoryError("draw from at least one package")
    write_looks(args.looks, number(drawn, args.seed))


def load_rated(args: argparse.Namespace) -> list[Rated]:
    """Load a record, or a folder's key with the lookers' answers."""
    if args.looks.is_file():
        return [Rated.model_validate(look) for look in json.loads(args.looks.read_bytes())]
    keys = [Key.model_validate(key) for key in json.loads(key_path(args.looks).read_bytes())]
    return collect(keys, [json.loads(Path(path).read_bytes()) for path in args.inputs])


def main() -> None:
    """Draw sheets or count answers."""
    parser = argparse.ArgumentParser(description="Ask blind lookers whether flaws convince.")
    parser.add_argument("command", choices=("sheets", "tally"))
    parser.add_argument("looks", type=Path, help="folder of the sheets; tally: or a record")
    parser.add_argument("inputs", nargs="*", help="sheets: [NAME=]PACKAGE; tally: ANSWERS.json")
    parser.add_argument("--per-tool", type=int, default=PER_TOOL, help="sheets: looks a sample")
    parser.add_argument("--seed", type=int, default=0, help="sheets: seed of draw and order")
    parser.add_argument("--record", type=Path, help="tally: file for key and answers")
    args = parser.parse_args()
    if args.command == "sheets":
        draw_looks(args)
        return
    rated = load_rated(args)
    if args.record is not None:
        lines = b",\n".join(canonical_json(look.model_dump(mode="json")) for look in rated)
        write_atomically(args.record, b"[\n" + lines + b"\n]\n")
    head = ["flaws", "looks", *VERDICTS, "convincing or borderline", "95 % interval"]
    print(make_table(head, tally(rated)))


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(str(error))
