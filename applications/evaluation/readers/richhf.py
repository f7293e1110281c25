"""RichHF-18K: heat maps of artifacts on images of Pick-a-Pic, without TensorFlow.

``<split>.tfrecord``, a tf.train.Example a record: ``filename``, four scores, ``artifact_map`` (an
encoded grey image, 512 x 512) and others. The images are not in it: ``filename`` is looked up below
the folder of pictures.

Flawed pixels are those of at least `MARKED`. A picture is flawed if it has one, clean if its map is
all zero, and unknown in between: some people marked something, not enough of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from applications.evaluation.example import Example, LabelledSet, Problem, Size
from applications.evaluation.readers.files import BadLabel, Pictures
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from applications.evaluation.readers.tfrecord import parse_example, read_record, read_records
from applications.protocols import Heat
from stages.engine.workspace import FactoryError
from stages.records.masks import Mask

MARKED = 0.3
"""Share of the map's full scale from which on a pixel is flawed."""
SIZES = {"train": 15_810, "dev": 995, "test": 955}
"""Records of the published files."""
_MAX_SIDE = 4096


def read(request: Request) -> LabelledSet:
    """Read the records of one split or of all.

    Raises:
        FactoryError: no file of this split, or no TFRecord file.
    """
    files = [path for path in _list_files(request.path) if request.split in ("", path.stem)]
    if not files:
        known = ", ".join(splits(request.path)) or "none"
        raise FactoryError(f"{request.path} has no split {request.split!r}: it has {known}")
    base = request.path if request.path.is_dir() else request.path.parent
    pictures = Pictures(request.pictures or base)
    counts = dict.fromkeys((path.stem for path in files), 0)

    def entries() -> Iterator[tuple[str, tuple[Path, int, bytes]]]:
        for path in files:
            for offset, record in read_records(path):
                counts[path.stem] += 1
                yield _key(path, offset, record), (path, offset, record)

    found = gather(entries(), lambda key, entry: _convert(key, *entry, pictures.find))
    short = [
        Problem("bad label", name, f"{count} records, {SIZES[name]} in the published file")
        for name, count in counts.items()
        if count < SIZES.get(name, 0)
    ]
    return LabelledSet(found.examples, (*found.problems, *short))


def _key(path: Path, offset: int, record: bytes) -> str:
    try:
        name = parse_example(record).get("filename") or [b""]
        return name[0].decode() or f"{path.name} at byte {offset}"
    except (ValueError, AttributeError):
        return f"{path.name} at byte {offset}"


def _convert(
    key: str, path: Path, offset: int, record: bytes, find: Callable[[object], Any]
) -> Example | Problem:
    try:
        heat = _parse_map(record)
    except ValueError as error:
        raise BadLabel(str(error)) from error
    picture = find(key)
    if isinstance(picture, Problem):
        return picture
    flawed = bool((heat >= MARKED).any())
    return Example(
        key=key,
        read=picture,
        label="flawed" if flawed else "unknown" if heat.any() else "clean",
        role="generated",
        mask=partial(_draw, path, offset) if flawed else None,
        heat=partial(_read_map, path, offset) if flawed else None,
        split=path.stem,
    )


def _parse_map(record: bytes) -> Heat:
    """Decode the artifact map to (H, W), 0..1.

    Raises:
        ValueError: the record has none, or it is no picture.
    """
    values = parse_example(record).get("artifact_map") or [b""]
    if not isinstance(values[0], bytes) or not values[0]:
        raise ValueError("has no `artifact_map`")
    try:
        picture = Pillow.open(io.BytesIO(values[0]), formats=("PNG", "JPEG"))
        if max(picture.size) > _MAX_SIDE:
            raise ValueError(f"its `artifact_map` is {picture.size[0]} x {picture.size[1]}")
        return np.asarray(picture.convert("L"), dtype=np.float32) / np.float32(255)
    except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise ValueError(f"its `artifact_map` is no picture: {error}") from error


def _read_map(path: Path, offset: int) -> Heat:
    return _parse_map(read_record(path, offset))


def _draw(path: Path, offset: int, size: Size) -> Mask:
    """Scale the map to (width, height) and threshold it."""
    scaled = cv2.resize(_read_map(path, offset), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled >= MARKED)


def _list_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob("*.tfrecord"))


def splits(path: Path) -> list[str]:
    """Return the names of the files without their suffix."""
    return [file.stem for file in _list_files(path)]


def matches(path: Path) -> bool:
    """Return whether a path is a TFRecord file or a folder of such, by the names."""
    return any(file.suffix == ".tfrecord" for file in _list_files(path))


FORM = Form(
    "RichHF-18K",
    "<split>.tfrecord, with the images of Pick-a-Pic at its file names (or in --pictures)",
    matches,
    read,
    splits,
)
