"""Our own data set (docs/format.md): every pair gives up to three pictures.

``<photo>-real`` once a photo (clean), ``<pair>-control`` (clean) and ``<pair>-artifact`` (flawed).
The shards are read where they lie; nothing is extracted.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from applications.evaluation.example import Example, LabelledSet, Problem, Size, Truth
from applications.evaluation.readers.form import Form, Request
from applications.pictures import MAX_FILE_BYTES
from flows.exports.samples import list_shards, parse_record, read_splits
from stages.engine.files import open_regular
from stages.engine.storage.tables import MANIFEST
from stages.engine.storage.ustar import BLOCK, walk
from stages.engine.workspace import FactoryError
from stages.package.assemble import INDEX
from stages.package.pair import PublishedPair
from stages.records.images import read_mask
from stages.records.masks import Mask

MAX_RECORD_BYTES = 16 * 2**20
_PICTURES = ("real.png", "control.png", "artifact.png", "mask.png")
Place = tuple[Path, int, int]
"""Shard, offset and size of a member's bytes."""


def read(request: Request) -> LabelledSet:
    """Read the records of the wanted split.

    Raises:
        FactoryError: no data set, not this split, another schema version, or a damaged shard.
    """
    splits = (request.split,) if request.split else ()
    examples, problems, found = list[Example](), list[Problem](), set[str]()
    photos = set[str]()
    for path in list_shards(request.path, splits):
        for key, places in _index_shard(path):
            missing = [name for name in ("json", *_PICTURES) if name not in places]
            problems += [Problem("missing picture", f"{path.name}: {key}.{n}") for n in missing]
            found.add(key)
            if missing:
                continue
            record = parse_record(_read_place(places["json"]), f"{path}: {key}")
            clean = ["control"] if record.photo in photos else ["real", "control"]
            photos.add(record.photo)
            examples += [_make_clean(record, kind, places) for kind in clean]
            examples.append(_make_flawed(record, places))
    listed = _listed_pairs(request)
    problems += [
        Problem("missing picture", key, "the manifest lists it, no shard has it")
        for key in sorted(listed - found)
    ]
    problems += [
        Problem("orphaned label", key, "a shard has it, the manifest does not list it")
        for key in sorted(found - listed)
    ]
    return LabelledSet(tuple(examples), tuple(problems))


def _listed_pairs(request: Request) -> set[str]:
    pairs = read_splits(request.path).items()
    return {pair for pair, split in pairs if request.split in ("", split)}


def _index_shard(path: Path) -> Iterator[tuple[str, dict[str, Place]]]:
    """Yield the members' places by name for each sample of a shard.

    Raises:
        FactoryError: the shard is damaged, or holds something that is no member of a data set.
    """
    samples: dict[str, dict[str, Place]] = {}
    try:
        with open_regular(path) as file:
            for entry in walk(file, wanted=lambda name: False):
                key, _, name = entry.name.partition(".")
                limit = MAX_RECORD_BYTES if name == "json" else MAX_FILE_BYTES
                if entry.problem or entry.size > limit:
                    what = entry.problem or f"has {entry.size} bytes, more than {limit}"
                    raise ValueError(f"{entry.name} {what}")
                if name in samples.setdefault(key, {}):
                    raise ValueError(f"{entry.name} is there twice")
                samples[key][name] = (path, entry.start + BLOCK, entry.size)
    except (OSError, ValueError) as error:
        raise FactoryError(
            f"{path} is damaged: {error}; run `flawfactory verify {path.parent}`"
        ) from error
    yield from samples.items()


def _read_place(place: Place) -> bytes:
    path, offset, size = place
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _make_clean(record: PublishedPair, kind: str, places: dict[str, Place]) -> Example:
    real = kind == "real"
    return Example(
        key=f"{record.photo}-real" if real else f"{record.pair}-control",
        read=partial(_read_place, places[f"{kind}.png"]),
        label="clean",
        role="real" if real else "control",
        size=(record.width, record.height),
        text=record.explanation.clean,
        split=record.split,
        photo=record.photo,
        facts={} if real else _facts(record),
    )


def _make_flawed(record: PublishedPair, places: dict[str, Place]) -> Example:
    return Example(
        key=f"{record.pair}-artifact",
        read=partial(_read_place, places["artifact.png"]),
        label="flawed",
        role="artifact",
        size=(record.width, record.height),
        regions=tuple(Truth(flaw.mask_box, flaw.text, flaw.tool) for flaw in record.flaws),
        mask=partial(_read_mask, places["mask.png"]),
        text=record.explanation.overall,
        split=record.split,
        photo=record.photo,
        facts=_facts(record),
    )


def _read_mask(place: Place, size: Size) -> Mask:
    return read_mask(_read_place(place), size)


def _facts(record: PublishedPair) -> dict[str, str]:
    """Return what a pair is reported by; the control shares its flawed picture's tool."""
    tools = {flaw.tool for flaw in record.flaws}
    kinds = {flaw.part_kind for flaw in record.flaws}
    return {
        "tool": tools.pop() if len(tools) == 1 else "several",
        "part": kinds.pop() if len(kinds) == 1 else "several",
        "licence": record.licence,
    }


def matches(path: Path) -> bool:
    """Return whether a folder is a packaged data set."""
    return (path / MANIFEST).is_file() and (path / INDEX).is_file()


def splits(path: Path) -> list[str]:
    """Return the names of the splits that have pairs."""
    if not (path / MANIFEST).is_file():
        return []
    return sorted(set(read_splits(path).values()))


FORM = Form(
    "flawfactory's own shards",
    f"a packaged data set: {MANIFEST}, {INDEX} and <split>-<nnnnn>.tar",
    matches,
    read,
    splits,
)
