"""The packaged pairs: read from the manifest's columns; shards are opened for missing pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.gallery.drawing import Job, Places
from flows.gallery.images import Pictures, Sources, name_of
from flows.gallery.items import Item, Row, flaw_of_row
from flows.published.shards import check_shard_name, naming_damage
from flows.records import check_version, read_record
from stages.engine.storage.shard import read_samples
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError
from stages.package.members import RECORD, find_member, get_picture

_BATCH = 2000
_COLUMNS = frozenset(
    ("key", "variant", "pair", "width", "height", "caption", "taken_out", "licence", "origin",
     "creator", "title", "file_name", "split", "label", "tool", "kernel", "entity", "part", "other",
     "positional", "mask_pixels", "judge", "text", "author", "overall_text", "clean_text", "shard",
     "verdict_by", "judge_verdict")
)  # fmt: skip
"""Columns that the page shows, beside scores and digests. Older manifests lack some."""
_DIGEST = "sha256."
_MEMBERS = ("artifact", "control", "flaws", "edit")
"""Members that determine a pair's pictures, beside the photo."""
Pixels = Mapping[tuple[str, str], str]
"""Photo key and variant to the sha256 of the flaw's pixels."""


def _is_shown(column: str) -> bool:
    return column in _COLUMNS or column.startswith(("score.", _DIGEST))


def _is_of_pictures(column: str) -> bool:
    return column in ("pair", "shard") or column.startswith(_DIGEST)


def read_pairs(package: Path, is_wanted: Callable[[str], bool] = _is_shown) -> Iterator[list[Row]]:
    """Yield the rows of each pair, in the order of the manifest; a batch of rows is in memory.

    Args:
        package: the folder; without a manifest there are no pairs.
        is_wanted: says which columns are read; by default those that the page shows.

    Raises:
        FactoryError: the manifest is of another schema version.
    """
    rows = _read_rows(package / MANIFEST, is_wanted)
    for _, of_pair in groupby(rows, key=lambda row: row["pair"]):
        yield list(of_pair)


def find_undrawn(
    package: Path, pictures: Pictures, places: Places
) -> dict[str, dict[str, tuple[str, str]]]:
    """Find the pairs of which pictures or places are missing: shard to pair to the names of its
    pictures. Notes which pictures the page shows."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for first, *_ in read_pairs(package, _is_of_pictures):
        names = picture_names(first)
        if pictures.use(*names) or names[1] not in places:
            found.setdefault(first["shard"], {})[first["pair"]] = names
    return found


def _read_rows(manifest: Path, is_wanted: Callable[[str], bool]) -> Iterator[Row]:
    if not manifest.is_file():
        return
    with pq.ParquetFile(manifest) as file:
        names = file.schema_arrow.names
        if file.metadata.num_rows:
            column = [name for name in names if name == "schema_version"]
            first = next(file.iter_batches(1, columns=column)).to_pylist() if column else [{}]
            check_version(first[0].get("schema_version"), f"package/{MANIFEST}")
        for batch in file.iter_batches(_BATCH, columns=list(filter(is_wanted, names))):
            yield from batch.to_pylist()


def picture_names(row: Row) -> tuple[str, str]:
    """Return the names of the photo's picture and of the pair's."""
    digests = {n.removeprefix(_DIGEST): v for n, v in row.items() if n.startswith(_DIGEST)}
    real, *others = (digests[find_member(name, digests)] for name in ("real", *_MEMBERS))
    return name_of([real]), name_of([real, *others])


def find_jobs(package: Path, needed: Mapping[str, Mapping[str, tuple[str, str]]]) -> Iterator[Job]:
    """Read the members of pairs whose pictures are to be drawn, shard by shard.

    Args:
        package: the folder.
        needed: shard to pair to the names of its pictures.

    Raises:
        FactoryError: a shard is not there, lacks a pair, or is of another schema version.
    """
    for shard, pairs in needed.items():
        path, left = package / check_shard_name(shard), dict(pairs)
        if not path.is_file():
            raise FactoryError(f"{path} is not there: run `dvc pull data/package`")
        with naming_damage(path), path.open("rb") as file:
            for key, members in read_samples(file):
                if key in left:
                    record = read_record(members[RECORD], f"{package.name}/{shard}")
                    yield _make_job(record, members, left.pop(key))
        if left:
            raise FactoryError(
                f"{path} lacks the pair {min(left)}, which the manifest lists: run `flawfactory "
                "verify --repair`"
            )


def _make_job(record: Row, members: Mapping[str, bytes], names: tuple[str, str]) -> Job:
    names_of_pictures = ("real", "artifact", "control", "flaws")
    pictures = {name: get_picture(members, name) for name in names_of_pictures}
    sources = Sources(
        **pictures,
        box=tuple(record["mask_box"]),
        edit_box=tuple(record["edit_box"]),
        size=(record["width"], record["height"]),
    )
    return Job(
        f"pair {record['pair']}", names, sources, [flaw["mask_box"] for flaw in record["flaws"]]
    )


def make_items(pairs: Iterable[list[Row]], places: Places, pixels: Pixels) -> Iterator[Item]:
    """Make the items of pairs whose pictures are drawn."""
    for rows in pairs:
        yield _make_item(rows, places, pixels)


def _make_item(rows: list[Row], places: Places, pixels: Pixels) -> Item:
    first = rows[0]
    names = picture_names(first)
    place = places[names[1]]
    shared: dict[str, Any] = {
        name: first[name] for name in ("split", "licence", "origin", "author", "taken_out")
    }
    return Item(
        id=first["pair"],
        photo=first["key"],
        flaws=[
            flaw_of_row(row, box, pixels.get((first["key"], row["variant"]), ""))
            for row, box in zip(rows, place.flaws, strict=True)
        ],
        width=first["width"],
        height=first["height"],
        box=place.box,
        region=place.region,
        pictures=names,
        file=first["file_name"],
        overall=first["overall_text"],
        clean=first["clean_text"],
        **{name: first.get(name) or "" for name in ("caption", "creator", "title")},
        **shared,
    )
