"""Walk through the entries of a USTAR file that may be damaged or hostile.

`tarfile` reads extended headers (PAX, GNU long names) of any length into memory, follows chains of
them recursively, keeps every header, and trusts sizes. Shards never need extended headers, so this
reader refuses them: memory is bounded by the largest member, time by the number of entries that the
caller takes. Nothing is extracted to disk.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

MAX_MEMBER_BYTES = 512 * 2**20
"""Maximum size of a member: far above a picture of `ingest.max_pixels` as PNG."""
BLOCK = tarfile.BLOCKSIZE
"""Bytes of a header, and the unit of sizes."""
_CHUNK = 2**20
_EXTENDED = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
                       tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})  # fmt: skip


class Readable(Protocol):
    """A file that can be read forwards."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""
        ...


@dataclass(frozen=True)
class Entry:
    """One entry of a tar file."""

    name: str
    data: bytes
    """Its bytes; empty if they are not wanted, or if there is a `problem`."""
    start: int
    """Where its header begins in the file."""
    stop: int
    """Where the next header begins."""
    size: int
    """Number of its bytes, also of those that are not wanted."""
    problem: str = ""
    """Why it is no member of a sample."""


def walk(
    file: Readable,
    wanted: Callable[[str], bool] = lambda name: True,
    part_from: int | None = None,
    paths: bool = False,
) -> Iterator[Entry]:
    """Yield the entries in order.

    Args:
        file: read forwards; bytes that are not wanted are skipped by `seek` if it has one.
        wanted: says by name whether an entry's bytes are read. The others are yielded without
            bytes.
        part_from: where `file` begins in the tar file if it is a part of one, which may end after
            any entry.
        paths: whether names may contain folders.

    Raises:
        ValueError: it is not a tar file, is damaged, or ends early.
    """
    position = part_from or 0
    while header := _read_header(file, part_from is None):
        name = header.name if header.name.isprintable() else ascii(header.name)[1:-1]
        problem = _find_problem(header, paths)
        data = _read(file, header.size, name) if not problem and wanted(name) else b""
        padded = -(-header.size // BLOCK) * BLOCK
        _skip(file, padded - len(data), name)
        start, position = position, position + BLOCK + padded
        yield Entry(name, data, start, position, header.size, problem)


def _find_problem(header: tarfile.TarInfo, paths: bool) -> str:
    """Return why an entry is no member of a sample; empty if it may be one."""
    if header.type in _EXTENDED:
        return "has an extended header, which shards do not use"
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        return "is not a regular file"
    if not paths and ("/" in header.name or "\\" in header.name or header.name.startswith(".")):
        return "has a path in its name"
    if not header.name.isprintable():
        return "has unprintable characters in its name"
    if header.size > MAX_MEMBER_BYTES:
        return f"has {header.size} bytes, more than {MAX_MEMBER_BYTES}"
    return ""


def _read_header(file: Readable, whole: bool) -> tarfile.TarInfo | None:
    """Read the next header; None at the end."""
    block = b""
    while len(block) < BLOCK and (chunk := file.read(BLOCK - len(block))):
        block += chunk
    if not block and not whole:
        return None
    if len(block) == BLOCK and not any(block):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError as error:
        if len(block) < BLOCK:
            raise ValueError("the file ends early") from error
        raise ValueError(f"not a readable tar file: {error}") from error
    if header.size < 0:
        raise ValueError(f"not a readable tar file: {header.name!r} has a negative size")
    return header


def _read(file: Readable, size: int, name: str) -> bytes:
    """Read exactly `size` bytes, in chunks: the memory is that of the bytes that are there."""
    chunks = []
    while size:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            raise ValueError(f"{name} ends early")
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def _skip(file: Readable, size: int, name: str) -> None:
    """Move forwards; the last byte is read, so that a size beyond the file's end is noticed."""
    if size > BLOCK and _try_seek(file, size - 1, name):
        size = 1
    while size:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            raise ValueError(f"{name} ends early")
        size -= len(chunk)


def _try_seek(file: Readable, size: int, name: str) -> bool:
    """Move forwards by `seek`; False if the file can only be read."""
    seek = getattr(file, "seek", None)
    if seek is None:
        return False
    try:
        seek(size, io.SEEK_CUR)
    except (OverflowError, OSError) as error:  # no file is that large
        raise ValueError(f"{name} ends early") from error
    except ValueError:  # fsspec's streams have a `seek` that refuses
        return False
    return True
