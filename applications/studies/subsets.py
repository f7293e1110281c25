"""Choose photos and pairs from the manifest: what is trained on, and what is measured on."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.engine.files import canonical_json, sha256
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError
from stages.records.seeding import generator

T = TypeVar("T")
SURENESS = "score.probability"
"""Column with the compact judge's probability that a flaw convinces."""


@dataclass(frozen=True)
class Entry:
    """A published pair, as the manifest lists it."""

    pair: str
    photo: str
    file_name: str
    group: str
    split: str
    tools: frozenset[str]
    sureness: float
    """Lowest probability of its flaws; NaN if the judge gives none."""
    pictures_sha256: str
    """Digest of the digests of its pictures and masks."""


@dataclass(frozen=True)
class Subsets:
    """Pairs by their purpose; no photo, and no near-duplicate group, has two purposes."""

    train: tuple[Entry, ...]
    validation: tuple[Entry, ...]
    test: tuple[Entry, ...]


def list_entries(folder: Path) -> list[Entry]:
    """List the pairs of a data set, sorted by key.

    Raises:
        FactoryError: the folder holds no data set, or an empty one.
    """
    if not (folder / MANIFEST).is_file():
        raise FactoryError(
            f"{folder} holds no data set: run `flawfactory build`, or `dvc pull data/package`"
        )
    path = folder / MANIFEST
    try:
        table = pq.read_table(path, columns=_list_columns(path))
    except (pa.ArrowException, OSError) as error:
        raise FactoryError(f"{path} is damaged: run `flawfactory verify {folder}`") from error
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        rows[row["pair"]].append(row)
    if not rows:
        raise FactoryError(f"{folder} has no pairs")
    return [_make_entry(flaws) for _, flaws in sorted(rows.items())]


def _list_columns(path: Path) -> list[str]:
    """Return the columns that are there; the digest of the record says nothing about pictures."""
    names = pq.read_schema(path).names
    wanted = {"pair", "key", "file_name", "group", "split", "tool", SURENESS}
    return [
        name
        for name in names
        if name in wanted or (name.startswith("sha256.") and name != "sha256.json")
    ]


def _make_entry(flaws: Sequence[dict[str, Any]]) -> Entry:
    first = flaws[0]
    sureness = [flaw.get(SURENESS) for flaw in flaws]
    known = [math.nan if value is None else float(value) for value in sureness]
    pictures = {name: first[name] for name in first if name.startswith("sha256.")}
    return Entry(
        pair=first["pair"],
        photo=first["key"],
        file_name=first["file_name"],
        group=first["group"] or first["key"],
        split=first["split"],
        tools=frozenset(flaw["tool"] for flaw in flaws),
        sureness=float(np.min(known)),
        pictures_sha256=sha256(canonical_json(pictures)),
    )


def divide(
    pairs: Sequence[Entry],
    test: Sequence[Entry],
    test_photos: frozenset[str] = frozenset(),
    validation_pairs: int = 40,
) -> Subsets:
    """Divide pairs into training, validation and test.

    Without `test_photos` the splits are taken as they are, and a data set to measure on that shares
    no photo with the other is taken whole. With them the test is of these photos, whatever their
    split; validation is drawn from the others, photo by photo. Photos and near-duplicate groups of
    the test are never trained on.

    Args:
        pairs: those of the data set to train on.
        test: those of the data set to measure on; may be the same.
        test_photos: keys or file names.
        validation_pairs: minimum number of validation pairs, if `test_photos` are given.

    Raises:
        FactoryError: one of the three is empty, or a name is that of no photo.
    """
    if test_photos:
        known = {name for entry in test for name in (entry.photo, entry.file_name)}
        if not test_photos & known:
            raise FactoryError(
                f"none of the {len(test_photos)} test photos has pairs; the first: "
                f"{min(test_photos)}"
            )
        chosen = [e for e in test if {e.photo, e.file_name} & test_photos]
    elif {entry.photo for entry in test}.isdisjoint(entry.photo for entry in pairs):
        chosen = list(test)
    else:
        chosen = [entry for entry in test if entry.split == "test"]
    held = {name for entry in chosen for name in (entry.photo, entry.group)}
    rest = [entry for entry in pairs if not {entry.photo, entry.group} & held]
    if test_photos:
        validation = _draw_groups(rest, validation_pairs)
        groups = {entry.group for entry in validation}
        train = [entry for entry in rest if entry.group not in groups]
    else:
        validation = [entry for entry in rest if entry.split == "validation"]
        train = [entry for entry in rest if entry.split == "train"]
    for name, found in (("training", train), ("validation", validation), ("test", chosen)):
        if not found:
            raise FactoryError(
                f"no {name} pairs among {len(pairs)}: give more photos, or --test-photos"
            )
    return Subsets(tuple(train), tuple(validation), tuple(chosen))


def _draw_groups(pairs: Sequence[Entry], minimum: int) -> list[Entry]:
    drawn: list[Entry] = []
    for members in _shuffle((entry.group, entry) for entry in pairs):
        if len(drawn) >= minimum:
            break
        drawn += members
    return drawn


def order_by_photo(pairs: Sequence[Entry], seed: int) -> list[Entry]:
    """Return the pairs photo by photo, the photos in random order: every prefix is a subset drawn
    by photo, and smaller ones are parts of larger ones."""
    return [e for members in _shuffle(((e.photo, e) for e in pairs), seed) for e in members]


def order_across_photos(pairs: Sequence[Entry], seed: int) -> list[Entry]:
    """Return one pair of each photo, then a second of each, and so on, in random order: every
    prefix has as many photos as possible."""
    photos = _shuffle(((e.photo, e) for e in pairs), seed)
    rng = generator(seed, "studies", "pairs")
    mixed = [[members[int(i)] for i in rng.permutation(len(members))] for members in photos]
    longest = max((len(members) for members in mixed), default=0)
    return [members[n] for n in range(longest) for members in mixed if n < len(members)]


def _shuffle(named: Iterable[tuple[str, T]], seed: int = 0) -> list[list[T]]:
    """Return the members of each name, the names in random order."""
    members: dict[str, list[T]] = defaultdict(list)
    for name, member in named:
        members[name].append(member)
    names = sorted(members)
    order = generator(seed, "studies", "photos").permutation(len(names))
    return [members[names[int(index)]] for index in order]


def read_names(path: Path | None) -> frozenset[str]:
    """Read a file with one photo a line, by key or file name; empty if there is no file.

    Raises:
        FactoryError: it cannot be read, or is empty.
    """
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: {error}") from error
    names = frozenset(line.strip() for line in lines) - {""}
    if not names:
        raise FactoryError(f"{path} names no photo")
    return names
