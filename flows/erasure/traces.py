"""Detect whether a file contains something of a photo, by the file's content and not its name."""

from __future__ import annotations

import json
import mmap
import re
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from flows.erasure.photo import Photo
from stages.engine.files import canonical_json
from stages.engine.storage.store import Result
from stages.package.attribution import HEADING, list_keys

_MAGIC_AT, _MAGIC = 257, b"ustar"
_STORE_HEADER = 65
"""Number of bytes before the tar in a stored result (`stages.engine.storage.store`)."""
_KEYS = ("key", "photo")
_BATCH_ROWS = 1024
"""Number of rows of a table in memory."""
_CODES_WITHOUT_CONTENT = frozenset({"withdrawn", "replaced", "duplicate"})
"""Codes of rejects that say that a photo is not in use, but nothing about its content."""


def contains_photo(path: Path, photos: Sequence[Photo]) -> bool:
    """Whether a file contains a sample, row or result of one of the photos, or its path.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_STORE_HEADER + _MAGIC_AT + len(_MAGIC))
        for offset in (0, _STORE_HEADER):
            if start[offset + _MAGIC_AT :].startswith(_MAGIC):
                file.seek(offset)
                return _tar_contains_photo(file, photos)
        if start.startswith(b"PAR1"):
            return _table_contains_photo(path, photos)
        if start.startswith(HEADING.encode()):
            return _attribution_lists_photo(path, photos)
        return bool(start) and _bytes_name_photo(file, photos)


def result_contains_photo(result: Result, photos: Sequence[Photo]) -> bool:
    """Whether a stored result belongs to one of the photos, or contains its path."""
    rejects = [asdict(reject) for reject in result.rejects]
    output = canonical_json({"document": result.document, "rejects": rejects})
    return _output_contains_photo(output, photos)


def _bytes_name_photo(file: IO[bytes], photos: Sequence[Photo]) -> bool:
    """Whether a file contains a path of one of the photos.

    Keys are not searched for: a key is 16 digits of the sha256, which the list keeps to recognise
    the photo when it is scanned again.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(_is_named(content, photo) for photo in photos)


def _attribution_lists_photo(path: Path, photos: Sequence[Photo]) -> bool:
    """Whether an ATTRIBUTION.md says who made one of the photos."""
    return not list_keys(path.read_text("utf-8", "replace")).isdisjoint(p.key for p in photos)


def _is_named(content: bytes | mmap.mmap, photo: Photo) -> bool:
    """Whether the content contains a path of the photo, not just as a part of a longer path."""
    return any(
        re.search(rb"(?<![\w/.-])(\./)?" + re.escape(name) + rb"(?![\w/-]|\.\w)", content)
        for name in photo.search_terms
        if content.find(name) >= 0  # many times faster, and few contents have it
    )


def _tar_contains_photo(file: IO[bytes], photos: Sequence[Photo]) -> bool:
    """Whether a shard or a stored result belongs to one of the photos.

    The names of a shard's members begin with the photo's key; a stored result has it in its
    document.
    """
    keys = {photo.key for photo in photos}
    with suppress(tarfile.TarError), tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            if re.split("[.-]", member.name, maxsplit=1)[0] in keys:
                return True
            if member.name == "blob.output.json" and (content := tar.extractfile(member)):
                return _output_contains_photo(content.read(), photos)
    return False


def _output_contains_photo(output: bytes, photos: Sequence[Photo]) -> bool:
    keys = {photo.key for photo in photos}
    with suppress(ValueError):
        result = json.loads(output)
        if (result["document"] or {}).get("key") in keys:
            return True
        if any(reject["key"] in keys for reject in result["rejects"]):
            return True
    return any(_is_named(output, photo) for photo in photos)


def _table_contains_photo(path: Path, photos: Sequence[Photo]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:  # a batch at a time: it may be long
            batches = (batch.to_pydict() for batch in table.iter_batches(_BATCH_ROWS))
            return any(_columns_contain_photo(columns, photos) for columns in batches)
    except (pa.ArrowException, OSError):  # damaged: its content cannot be read
        return False


def _columns_contain_photo(columns: Mapping[str, Sequence[Any]], photos: Sequence[Photo]) -> bool:
    wanted = {photo.key for photo in photos}
    for keys in (columns[name] for name in _KEYS if name in columns):
        codes = columns.get("code", [None] * len(keys))
        for key, code in zip(keys, codes, strict=True):
            if str(key).split("#")[0] in wanted and code not in _CODES_WITHOUT_CONTENT:
                return True
    values = (value for column in columns.values() for value in column if isinstance(value, str))
    texts = b"\0".join(value.encode() for value in values)  # no path contains \0
    return any(_is_named(texts, photo) for photo in photos)
