"""What the manifest of a published copy says about its shards."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.published.location import MAX_TABLE_BYTES, Location
from flows.published.shards import check_shard_name
from stages.engine.files import open_regular
from stages.engine.storage.shard import MAX_SAMPLE_BYTES
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError

_DIGEST = "sha256."
_COLUMNS = ("pair", "shard", "split", "group")
_MAX_TEXT = 2**16
"""Maximum length of a text in a cell."""
_BATCH_BYTES = 2**28
_ROW_BYTES = 16
"""Bytes that a row takes in the file at least: digests, of which each flaw or at least each pair
has its own, cannot be compressed."""


@dataclass
class Promise:
    """What the manifest says of one pair."""

    shard: str
    split: str
    group: str
    digests: dict[str, str]
    """Member name to sha256."""
    place: tuple[int, int] | None = None
    """Half-open range of the pair's bytes in the shard; None if the manifest does not have it."""
    flaws: list[dict[str, Any]] = field(default_factory=list)
    """The scalars of the pair's rows, one a flaw."""


@dataclass(frozen=True)
class Manifest:
    """The pairs of a data set, by key."""

    pairs: Mapping[str, Promise]

    def shards(self) -> dict[str, dict[str, Promise]]:
        """Return the pairs of each shard, by key, in the shards' order."""
        found: dict[str, dict[str, Promise]] = defaultdict(dict)
        for key, promise in sorted(self.pairs.items()):
            found[promise.shard][key] = promise
        return dict(sorted(found.items()))


def read_manifest(location: Location) -> Manifest:
    """Read the manifest.

    Raises:
        FactoryError: there is none, it is damaged, or it is of another schema version.
    """
    if (size := location.size(MANIFEST)) > MAX_TABLE_BYTES:
        raise FactoryError(f"{location.base}/{MANIFEST} has {size} bytes: more than is read")
    data = location.read(MANIFEST, MAX_TABLE_BYTES)
    pairs: dict[str, Promise] = {}
    with open_manifest(io.BytesIO(data), f"{location.base}/{MANIFEST}", _COLUMNS) as table:
        for batch in _read_batches(table):
            for row in batch.to_pylist():
                _add_row(pairs, row)
    return Manifest(pairs)


def _add_row(pairs: dict[str, Promise], row: dict[str, Any]) -> None:
    digests = {n.removeprefix(_DIGEST): v for n, v in row.items() if n.startswith(_DIGEST)}
    place = _read_place(row.get("shard_start"), row.get("shard_stop"))
    shard = check_shard_name(row["shard"])
    promise = pairs.setdefault(
        row["pair"], Promise(shard, row["split"], row["group"], digests, place)
    )
    promise.flaws.append({n: v for n, v in row.items() if not n.startswith(_DIGEST)})


def read_texts(folder: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Read columns of text of the manifest in a folder.

    Raises:
        FactoryError: it is damaged, or not the manifest of a packaged data set.
    """
    path = folder / MANIFEST
    try:
        file = open_regular(path)
    except OSError as error:
        raise FactoryError(f"{path} cannot be read: {error}") from error
    with file, open_manifest(file, str(path), names) as table:
        found: dict[str, list[str]] = {column: [] for column in names}
        for batch in _read_batches(table, names):
            for column, values in batch.to_pydict().items():
                found[column] += values
        return found


def _read_batches(
    table: pq.ParquetFile, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows; a batch of texts that are stored once takes at most `_BATCH_BYTES` a column.

    Raises:
        pa.ArrowInvalid: a text is longer than `_MAX_TEXT`.
    """
    groups = [table.metadata.row_group(n) for n in range(table.metadata.num_row_groups)]
    largest = max(
        (g.column(n).total_uncompressed_size for g in groups for n in range(g.num_columns)),
        default=1,
    )
    rows = min(1000, max(1, _BATCH_BYTES // max(1, largest)))
    wanted = None if columns is None else list(columns)
    for batch in table.iter_batches(batch_size=rows, columns=wanted):
        for cell, column in zip(batch.schema, batch.columns, strict=True):
            if pa.types.is_string(cell.type):
                lengths = pc.binary_length(column)  # pyright: ignore[reportAttributeAccessIssue]
                longest = pc.max(lengths).as_py() or 0  # pyright: ignore[reportAttributeAccessIssue]
                if longest > _MAX_TEXT:
                    raise pa.ArrowInvalid(f"a text in column {cell.name} has {longest} bytes")
        yield batch


def check_row_count(rows: int, size: int, name: str) -> None:
    """Check that a manifest has no more rows than a sound one of its size in bytes.

    Parquet stores what repeats once: a small file may hold rows for more memory than there is.

    Raises:
        FactoryError: it has more.
    """
    if rows * _ROW_BYTES > size:
        raise FactoryError(f"{name} is damaged: {rows} rows in {size} bytes")


@contextmanager
def open_manifest(file: IO[bytes], name: str, columns: Sequence[str]) -> Iterator[pq.ParquetFile]:
    """Open a manifest that may be damaged or hostile; `columns` must be columns of text.

    Raises:
        FactoryError: it is damaged, not the manifest of a packaged data set, or has more rows than
            a sound file of its size; also for what is read in the block.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        table = pq.ParquetFile(file)
        texts = {field.name for field in table.schema_arrow if pa.types.is_string(field.type)}
        if missing := sorted(set(columns) - texts):
            raise FactoryError(
                f"{name} has no column {', '.join(missing)}, or not one of text: it is not the "
                "manifest of a packaged data set"
            )
        check_row_count(table.metadata.num_rows, size, name)
        yield table
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())[:300]
        raise FactoryError(f"{name} is damaged: {words}") from error


def _read_place(start: object, stop: object) -> tuple[int, int] | None:
    """Return a range of bytes; None if it is not one that is read."""
    if isinstance(start, int) and isinstance(stop, int):
        return (start, stop) if 0 <= start < stop <= start + MAX_SAMPLE_BYTES else None
    return None
