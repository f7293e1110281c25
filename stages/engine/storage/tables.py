"""Parquet tables of a stage's output: manifest, photos, rejects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.engine.files import canonical_json, sha256, sha256_file
from stages.engine.stage import Reject
from stages.engine.storage.shard import Member
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST, PHOTOS, REJECTS, METRICS = (
    "manifest.parquet",
    "photos.parquet",
    "rejects.parquet",
    "metrics.json",
)
Columns = Mapping[str, type]
"""Column to the type of its values: str, int (64 bits), float (64 bits) or bool. A column's values
may be None where its stage says so."""
REJECT_COLUMNS: Columns = dict.fromkeys(("key", "variant", "code", "message", "evidence"), str)
PHOTO_COLUMNS: Columns = {
    "key": str,
    "position": int,
    "shard": str,
    "rows": int,
    "members": int,
    "bytes": int,
    "places": str,
}


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


def arrow_schema(columns: Columns) -> pa.Schema:
    """Return the schema of a table with these columns, in their order."""
    import pyarrow as pa

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def write_table(path: Path, rows: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Write rows as parquet; the same rows give the same bytes.

    The types are those of `columns`, also for a table without rows and for a column without values,
    so that the tables of all builds have the same schema.

    Args:
        path: the file.
        rows: each with exactly these columns, in any order.
        columns: the table's columns, in order.

    Raises:
        KeyError: a row has other columns.
        ValueError, TypeError: a value is not of its column's type; an int may stand for a float.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for row in rows:
        if row.keys() != columns.keys():
            raise KeyError(", ".join(sorted(row.keys() ^ columns.keys())))
    schema = arrow_schema(columns)
    arrays = [_make_array([row[field.name] for row in rows], field) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="zstd")


def _make_array(values: list[Any], field: pa.Field) -> pa.Array:
    """Make a column; pyarrow alone would turn 1.5 into an int without an error."""
    import pyarrow as pa

    array = pa.array(values)
    exact = array.type == field.type or pa.types.is_null(array.type)
    if not exact and not (pa.types.is_integer(array.type) and pa.types.is_floating(field.type)):
        raise TypeError(f"column {field.name} has {array.type}, not {field.type}")
    return array.cast(field.type)


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
