"""X-AIGD: polygons of seven kinds of artifact on generated images, in parquet.

``data/<split>-*.parquet`` (or the files themselves) with the columns image ({bytes, path}),
generator, uid, labels (a list of {label, points: [[x, y], ...]}), width and height. In the splits
``unlabeled_*`` nobody has looked: their pictures are of unknown label. In a labelled split an empty
list means clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from applications.evaluation.example import Example, LabelledSet, Truth
from applications.evaluation.readers.files import (
    BadLabel,
    parse_list,
    parse_numbers,
    parse_object,
    parse_text,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from applications.evaluation.readers.outlines import bounds, draw_polygons, parse_polygon
from stages.engine.workspace import FactoryError

COLUMNS = ("generator", "uid", "labels", "width", "height")
_GROUPS_IN_MEMORY = 2


def read(request: Request) -> LabelledSet:
    """Read all columns but the pictures.

    Raises:
        FactoryError: no file of this form or split, or a damaged one.
    """
    files = [path for path in _list_files(request.path) if request.split in ("", _split_of(path))]
    if not files:
        known = ", ".join(splits(request.path)) or "none"
        raise FactoryError(f"{request.path} has no split {request.split!r}: it has {known}")
    return gather(
        (entry for path in files for entry in _entries(path)),
        lambda key, entry: _convert(key, *entry),
    )


def _entries(path: Path) -> Iterator[tuple[str, tuple[Path, int, int, dict[str, Any]]]]:
    try:
        with pq.ParquetFile(path) as file:
            if missing := {"image", *COLUMNS} - set(file.schema_arrow.names):
                raise FactoryError(
                    f"{path} lacks the column {', '.join(sorted(missing))}: it is not X-AIGD's form"
                )
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=list(COLUMNS)).to_pylist()
                for number, row in enumerate(rows):
                    name = f"{_split_of(path)}/{row['generator']}/{row['uid']}"
                    yield name, (path, group, number, row)
    except (pa.ArrowException, OSError) as error:
        raise FactoryError(f"{path} is damaged: {error}") from error


def _convert(key: str, path: Path, group: int, number: int, row: dict[str, Any]) -> Example:
    split = _split_of(path)
    regions = tuple(
        _region(parse_object(label, "a label")) for label in parse_list(row["labels"], "labels")
    )
    outlines = [polygon for region in regions for polygon in region.polygons]
    unlabelled = split.startswith("unlabeled") or row["labels"] is None
    width, height = parse_numbers([row["width"], row["height"]], 2)
    return Example(
        key=key,
        read=partial(_read_picture, path, group, number),
        label="flawed" if regions else "unknown" if unlabelled else "clean",
        role="generated",
        size=(int(width), int(height)),
        regions=regions,
        mask=partial(draw_polygons, outlines) if regions else None,
        split=split,
        facts={"generator": str(row["generator"])},
    )


def _region(label: dict[str, Any]) -> Truth:
    points = parse_list(label.get("points"), "points")
    polygon = parse_polygon([n for point in points for n in parse_numbers(point, 2)])
    kind = parse_text(label.get("label"))
    if not kind:
        raise BadLabel("a polygon has no label")
    return Truth(bounds([polygon]), kind=kind, polygons=(polygon,))


def _read_picture(path: Path, group: int, number: int) -> bytes:
    cell = _read_group(path, group)[number].as_py()
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(data, bytes):
        raise ValueError("has no bytes in its parquet file")
    return data


@lru_cache(maxsize=_GROUPS_IN_MEMORY)
def _read_group(path: Path, group: int) -> pa.ChunkedArray:
    try:
        with pq.ParquetFile(path) as file:
            return file.read_row_group(group, columns=["image"]).column("image")
    except pa.ArrowException as error:
        raise ValueError(f"its parquet file is damaged: {error}") from error


def _split_of(path: Path) -> str:
    return path.stem.partition("-")[0]


def _list_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    inside = (path.glob("data/*.parquet"), path.glob("*.parquet"))
    found = (sorted(file for file in files if file.is_file()) for files in inside)  # no FIFO
    return next(filter(None, found), [])


def splits(path: Path) -> list[str]:
    """Return the names of the splits: the files' names up to the first hyphen."""
    return sorted({_split_of(file) for file in _list_files(path)})


def matches(path: Path) -> bool:
    """Return whether the first parquet file has this form's columns."""
    files = _list_files(path) if path.is_dir() or path.suffix == ".parquet" else []
    try:
        return bool(files) and {"image", *COLUMNS} <= set(pq.read_schema(files[0]).names)
    except (pa.ArrowException, OSError):
        return False


FORM = Form(
    "X-AIGD",
    "data/<split>-*.parquet with the columns image, " + ", ".join(COLUMNS),
    matches,
    read,
    splits,
)
