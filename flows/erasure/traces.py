"""Does a file hold something of a photo? Told by its content, whatever it is called."""

from __future__ import annotations

import json
import mmap
import re
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from flows.erasure.photo import Photo

_MAGIC_AT, _MAGIC = 257, b"ustar"
_STORE_HEADER = 65
"""Bytes before the tar of a stored result (`stages.engine.storage.store`)."""
_KEYS = ("key", "photo")
_ONLY_GONE = frozenset({"withdrawn", "replaced", "duplicate"})
"""Codes of rejects that say that a photo is not in use, and nothing of what it shows."""


def holds(path: Path, photos: Sequence[Photo]) -> bool:
    """Whether a file has a sample, a row or a result of one of the photos, or names its path.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_STORE_HEADER + _MAGIC_AT + len(_MAGIC))
        for offset in (0, _STORE_HEADER):
            if start[offset + _MAGIC_AT :].startswith(_MAGIC):
                file.seek(offset)
                return _in_tar(file, photos)
        if start.startswith(b"PAR1"):
            return _in_table(path, photos)
        return bool(start) and _in_bytes(file, photos)


def _in_bytes(file: IO[bytes], photos: Sequence[Photo]) -> bool:
    """Names alone: a key is 16 digits of a digest, which the list keeps so as to know the photo
    when it comes again."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(_names(content, photo) for photo in photos)


def _names(content: bytes | mmap.mmap, photo: Photo) -> bool:
    """Whether a path stands there as a whole, not as the end or beginning of another."""
    return any(
        re.search(rb"(?<![\w/.-])(\./)?" + re.escape(name) + rb"(?![\w/-]|\.\w)", content)
        for name in photo.traces
    )


def _in_tar(file: IO[bytes], photos: Sequence[Photo]) -> bool:
    """A shard's members begin with a photo's key; a stored result has it in its document."""
    keys = {photo.key for photo in photos}
    with suppress(tarfile.TarError), tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if re.split("[.-]", member.name, maxsplit=1)[0] in keys:
                return True
            if member.name == "blob.output.json" and (content := tar.extractfile(member)):
                return _in_result(content.read(), photos)
    return False


def _in_result(output: bytes, photos: Sequence[Photo]) -> bool:
    keys = {photo.key for photo in photos}
    with suppress(ValueError):
        result = json.loads(output)
        if (result["document"] or {}).get("key") in keys:
            return True
        if any(reject["key"] in keys for reject in result["rejects"]):
            return True
    return any(_names(output, photo) for photo in photos)


def _in_table(path: Path, photos: Sequence[Photo]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError):  # damaged: what it held cannot be told, nor read
        return False
    return any(_in_row(row, photos) for row in rows)


def _in_row(row: dict[str, Any], photos: Sequence[Photo]) -> bool:
    keys = {str(row[name]).split("#")[0] for name in _KEYS if name in row}
    if row.get("code") not in _ONLY_GONE and keys & {photo.key for photo in photos}:
        return True
    texts = [value.encode() for value in row.values() if isinstance(value, str)]
    return any(_names(text, photo) for photo in photos for text in texts)
