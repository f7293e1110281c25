"""Parquet files with Hugging Face's feature types and embedded pictures.

Written with pyarrow instead of `datasets.Dataset`, which would first write all pictures to its
cache; the schema's metadata holds the features, so `datasets` reads the same types back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from datasets import Features

ROWS = 64
"""Rows of a row group: what a reader must decode to get one row."""


class SplitWriters:
    """One parquet file per split, ``<split>.parquet``, written a row group at a time."""

    def __init__(self, folder: Path, features: Features) -> None:
        self._folder, self._schema = folder, features.arrow_schema
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> SplitWriters:
        return self

    def __exit__(self, *error: object) -> None:
        for split in self._writers:
            if error[0] is None:
                self._flush(split)
            self._writers[split].close()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have rows."""
        return tuple(self._writers)

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Add a row with the features' columns; a picture is ``{"bytes": ..., "path": ...}``."""
        if split not in self._writers:
            path = self._folder / f"{split}.parquet"
            self._writers[split] = pq.ParquetWriter(path, self._schema, compression="zstd")
            self._rows[split] = []
        self._rows[split].append(dict(row))
        if len(self._rows[split]) == ROWS:
            self._flush(split)

    def _flush(self, split: str) -> None:
        if self._rows[split]:
            table = pa.Table.from_pylist(self._rows[split], schema=self._schema)
            self._writers[split].write_table(table)
            self._rows[split] = []
