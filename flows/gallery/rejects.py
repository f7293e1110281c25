"""The rejects of all stages, and how many photos and variants each stage lost."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from flows.gallery.index import Codes, Parts, encode
from stages import STAGES
from stages.engine.storage.source_list import Names
from stages.engine.storage.tables import METRICS, REJECTS

_COUNTS = ("photos_rejected", "photos_aside", "variants_rejected", "variants_aside")
"""Numbers of a stage's metrics that the page shows; older metrics lack some."""
_BATCH = 2000


def list_rejects(data: Path, stages: Sequence[str] = STAGES) -> Iterator[dict[str, Any]]:
    """Yield the rejects of the stages in order, each with the name of its photo's file."""
    names: Names | None = None
    for stage in stages:
        path = data / stage / REJECTS
        if not path.is_file():
            continue
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    names = names or Names.of_list(data / "sources")
                    line = json.loads(row["evidence"] or "{}").get("line")
                    yield {"stage": stage, "file": names.name(row["key"], line), **row}


def write_rejects(folder: Path, rejects: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """Write the rejects in parts below `folder`; return what the page has to know to filter them:
    the names of stages and codes, and both of each reject as encoded columns."""
    parts = Parts(folder, "rejects")
    codes = {"stage": Codes(), "code": Codes()}
    columns = {name: array("L") for name in codes}
    for row in rejects:
        for name, numbers in columns.items():
            numbers.append(codes[name].of(row[name]))
        shown = ("stage", "code", "file", "key", "variant", "message", "evidence")
        parts.add([row[name] for name in shown])
    parts.close()
    return {
        "count": len(columns["stage"]),
        "names": {name: known.names() for name, known in codes.items()},
        "columns": {name: encode(numbers, "u") for name, numbers in columns.items()},
    }


def count_stages(data: Path, stages: Sequence[str] = STAGES) -> list[dict[str, Any]]:
    """Return the numbers of photos and variants of each stage, from its metrics."""
    found = []
    for stage in stages:
        path = data / stage / METRICS
        if not path.is_file():
            continue
        numbers = json.loads(path.read_bytes())
        counts = {name: numbers.get(name, 0) for name in _COUNTS}
        found.append({"stage": stage, "photos": numbers["photos_accepted"], **counts})
    return found
