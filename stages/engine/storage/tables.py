"""Parquet tables of a stage's output: manifest, photos, rejects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.engine.files import canonical_json, sha256, sha256_file
from stages.engine.stage import Reject
from stages.engine.storage.shard import Member
from stages.engine.workspace import FactoryError

MANIFEST, PHOTOS, REJECTS, METRICS = (
    "manifest.parquet",
    "photos.parquet",
    "rejects.parquet",
    "metrics.json",
)
REJECT_COLUMNS = ("key", "variant", "code", "message", "evidence")
PHOTO_COLUMNS = ("key", "position", "shard", "rows", "members", "bytes", "places")


def output_digest(folder: Path) -> str:
    """Return the digest of the tables in a stage's output folder, which identifies the run."""
    found = [folder / name for name in (MANIFEST, PHOTOS, REJECTS, METRICS)]
    digests = {path.name: sha256_file(path) for path in found if path.is_file()}
    return sha256(canonical_json(digests))


@dataclass(frozen=True)
class PhotoEntry:
    """The place of one photo's sample in a stage's shards."""

    key: str
    position: int
    """Line in the source list, which determines the shard and the order in it."""
    shard: str
    """File name of the shard."""
    places: dict[str, Member]
    """Member name to the member's place in the shard."""


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as parquet; the same rows give the same bytes.

    Args:
        path: the file.
        rows: all with the same columns.
        columns: names of the columns of a table without rows.

    Raises:
        KeyError: a row lacks a column of the first row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(rows[0]) if rows else list(columns)
    table = pa.table({name: [row[name] for row in rows] for name in names})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a parquet file."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Read some columns of a parquet file; memory is bounded by these columns."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(names)).to_pydict()


def photo_row(entry: PhotoEntry, rows: int) -> dict[str, Any]:
    """Return an entry as a row of photos.parquet; `rows` is its number of manifest rows."""
    places = {name: [m.offset, m.size, m.sha256] for name, m in sorted(entry.places.items())}
    return {
        "key": entry.key,
        "position": entry.position,
        "shard": entry.shard,
        "rows": rows,
        "members": len(entry.places),
        "bytes": sum(m.size for m in entry.places.values()),
        "places": canonical_json(places).decode(),
    }


def read_photos(folder: Path) -> list[PhotoEntry]:
    """Read the accepted photos of a stage, in the order of the source list.

    Raises:
        FactoryError: the stage has not run yet.
    """
    if not (folder / PHOTOS).is_file():
        raise FactoryError(f"{folder} has no output yet: run `flawfactory build`")
    return [
        PhotoEntry(
            key=row["key"],
            position=row["position"],
            shard=row["shard"],
            places={name: Member(*place) for name, place in json.loads(row["places"]).items()},
        )
        for row in read_table(folder / PHOTOS)
    ]


def reject_row(reject: Reject) -> dict[str, Any]:
    """Return a reject as a row of rejects.parquet."""
    return {
        "key": reject.key,
        "variant": reject.variant or "",
        "code": reject.code,
        "message": reject.message,
        "evidence": canonical_json(reject.evidence).decode(),
    }
