"""Parquet tables of a stage's output: manifest, photos, rejects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from stages.engine.files import canonical_json, replacing, sha256, sha256_file
from stages.engine.stage import Reject
from stages.engine.storage.shard import Member
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    import pyarrow as pa

RowT = TypeVar("RowT", bound=Mapping[str, Any])
BATCH_ROWS = 8192
"""Maximum number of rows in a parquet row group, and in memory while a table is written."""
_READ_ROWS = 1024
"""Maximum number of rows in memory while a table is read: a stage reads up to six at once."""
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


class TableWriter:
    """Writes rows as parquet, one row group of them in memory; the same rows give the same bytes.

    The file appears when the writer is closed without an exception: a table is complete or not
    there. The types are those of `columns`, also for a table without rows and for a column without
    values, so that the tables of all builds have the same schema.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        import pyarrow.parquet as pq

        self._schema = arrow_schema(columns)
        self._values: dict[str, list[Any]] = {name: [] for name in columns}
        self._waiting = self._written = 0
        self._open = ExitStack()
        temporary = self._open.enter_context(replacing(path))
        writer = pq.ParquetWriter(temporary, self._schema, compression="zstd")
        self._writer = self._open.enter_context(writer)
        self._open.push(self._flush_rest)

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _flush_rest(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and (self._waiting or not self._written):
            self._flush()

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row with exactly the table's columns, in any order.

        Raises:
            KeyError: it has other columns.
            ValueError, TypeError: a value is not of its column's type; an int may stand for a
                float. Raised when the row group is full or the writer is closed.
        """
        if row.keys() != self._values.keys():
            raise KeyError(", ".join(sorted(row.keys() ^ self._values.keys())))
        for name, values in self._values.items():
            values.append(row[name])
        self._waiting += 1
        if self._waiting == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        arrays = [_make_array(self._values[field.name], field) for field in self._schema]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        for values in self._values.values():
            values.clear()
        self._written += self._waiting
        self._waiting = 0


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], columns: Columns) -> None:
    """Write rows as parquet (see `TableWriter`).

    Args:
        path: the file.
        rows: each with exactly these columns, in any order.
        columns: the table's columns, in order.

    Raises:
        KeyError: a row has other columns.
        ValueError, TypeError: a value is not of its column's type; an int may stand for a float.
    """
    with TableWriter(path, columns) as writer:
        for row in rows:
            writer.add(row)


def _make_array(values: list[Any], field: pa.Field) -> pa.Array:
    """Make a column; pyarrow alone would turn 1.5 into an int without an error."""
    import pyarrow as pa

    array = pa.array(values)
    exact = array.type == field.type or pa.types.is_null(array.type)
    if not exact and not (pa.types.is_integer(array.type) and pa.types.is_floating(field.type)):
        raise TypeError(f"column {field.name} has {array.type}, not {field.type}")
    return array.cast(field.type)


class Table(Sequence[dict[str, Any]]):
    """The rows of a parquet file. They are read anew, in batches, each time they are iterated, so
    that memory holds few of them."""

    def __init__(self, path: Path, names: Sequence[str] | None = None) -> None:
        import pyarrow.parquet as pq

        self._path = path
        with pq.ParquetFile(path) as file:
            self._length, self.schema = file.metadata.num_rows, file.schema_arrow
        self.names = list(self.schema.names if names is None else names)
        """The columns of the rows."""

    def select(self, names: Sequence[str]) -> Table:
        """Return the same rows with these columns only; nothing else is read."""
        return Table(self._path, names)

    def arrow(self) -> pa.Table:
        """Read all rows as columns."""
        import pyarrow.parquet as pq

        return pq.read_table(self._path, columns=self.names)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[dict[str, Any]]:
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(_READ_ROWS, columns=self.names):
                yield from batch.to_pylist()

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return list(islice(self, *index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return next(islice(self, index % len(self), None))


def select_columns(rows: Sequence[RowT], names: Sequence[str]) -> Sequence[RowT]:
    """Return rows of which only the columns `names` are needed."""
    return cast("Sequence[RowT]", rows.select(names)) if isinstance(rows, Table) else rows


def list_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the columns; empty without rows."""
    if isinstance(rows, Table):
        return rows.names if rows else []
    return list(dict.fromkeys(chain.from_iterable(rows)))


def read_column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """Return the values of one column."""
    if isinstance(rows, Table):
        return rows.select([name]).arrow().column(0).to_pylist()
    return [row.get(name) for row in rows]


def read_table(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a parquet file."""
    return list(Table(path))


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    """Read some columns of a parquet file; memory is bounded by these columns."""
    return Table(path, names).arrow().to_pydict()


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


def iterate_photos(folder: Path) -> Iterator[PhotoEntry]:
    """Yield the accepted photos of a stage, in the order of the source list.

    Raises:
        FactoryError: the stage has not run yet.
    """
    if not (folder / PHOTOS).is_file():
        raise FactoryError(f"{folder} has no output yet: run `flawfactory build`")
    for row in Table(folder / PHOTOS, ("key", "position", "shard", "places")):
        places = {name: Member(*place) for name, place in json.loads(row["places"]).items()}
        yield PhotoEntry(row["key"], row["position"], row["shard"], places)


def read_photos(folder: Path) -> list[PhotoEntry]:
    """Read the accepted photos of a stage, in the order of the source list.

    Raises:
        FactoryError: the stage has not run yet.
    """
    return list(iterate_photos(folder))


def reject_row(reject: Reject) -> dict[str, Any]:
    """Return a reject as a row of rejects.parquet."""
    return {
        "key": reject.key,
        "variant": reject.variant or "",
        "code": reject.code,
        "message": reject.message,
        "evidence": canonical_json(reject.evidence).decode(),
    }


class Rejects(Sequence[Reject]):
    """The rows of rejects.parquet as `Reject`, read as `Table` reads rows."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Reject]:
        return map(_read_reject, self.table)

    @overload
    def __getitem__(self, index: int) -> Reject: ...
    @overload
    def __getitem__(self, index: slice) -> list[Reject]: ...
    def __getitem__(self, index: int | slice) -> Reject | list[Reject]:
        if isinstance(index, slice):
            return list(map(_read_reject, self.table[index]))
        return _read_reject(self.table[index])


def _read_reject(row: Mapping[str, Any]) -> Reject:
    evidence = json.loads(row["evidence"])
    return Reject(row["key"], row["variant"] or None, row["code"], row["message"], evidence)


class RejectSorter:
    """Collects rejects as columns, and writes them sorted by photo, variant and code."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[dict[str, Any]] = []

    def add(self, rejects: Iterable[Reject]) -> None:
        """Add rejects."""
        for reject in rejects:
            self._rows.append(reject_row(reject))
            if len(self._rows) == BATCH_ROWS:
                self._pack()

    def _pack(self) -> None:
        import pyarrow as pa

        schema = arrow_schema(REJECT_COLUMNS)
        self._batches.append(pa.RecordBatch.from_pylist(self._rows, schema))
        self._rows = []

    def write(self, path: Path) -> None:
        """Write rejects.parquet; the same rejects added in the same order give the same bytes."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pack()
        table = pa.Table.from_batches(self._batches)
        order = [(name, "ascending") for name in ("key", "variant", "code")]
        ordered = table.sort_by(order).combine_chunks()
        with replacing(path) as temporary:
            pq.write_table(ordered, temporary, compression="zstd", row_group_size=BATCH_ROWS)
