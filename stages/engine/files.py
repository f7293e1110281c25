"""Atomic writes, JSON in one spelling, digests."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from stages.engine.temporaries import hold_temporary_file


class NotAFileError(OSError):
    """A path names a folder, FIFO, socket or device where a file was expected."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new empty file beside `path` and rename it over `path` at the end of the block.

    Readers see the old bytes or the new ones. When the block raises, `path` keeps its old bytes.
    The new file gets the permissions that the umask allows even if the library that writes it sets
    others, because a store, a folder of weights or a checkout may be shared.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with hold_temporary_file(path) as (temporary, held):
        mode = stat.S_IMODE(os.fstat(held).st_mode)
        yield temporary
        if stat.S_IMODE(temporary.stat().st_mode) != mode:
            temporary.chmod(mode)
        temporary.replace(path)


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write all of `path` or nothing (see `replacing`).

    `data` may be an iterable of blocks; if the iterable raises, `path` keeps its old bytes."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines([data] if isinstance(data, bytes) else data)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file (or a link to one) for reading, never a device, FIFO or socket, which
    may block or never end.

    Raises:
        NotAFileError: it is something else.
        OSError: it cannot be opened.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise NotAFileError(errno.EINVAL, "is a folder, FIFO, socket or device", str(path))
    # Non-blocking, and checked again, because the name may refer to another file by now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return file
    file.close()
    raise NotAFileError(errno.EINVAL, "is a FIFO, socket or device", str(path))


def parse_json(data: bytes) -> Any:
    """Parse JSON that may be hostile.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def canonical_json(value: Any) -> bytes:
    """Encode a value as canonical JSON: sorted keys, no spaces, UTF-8.

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def pretty_json(value: Any) -> bytes:
    """Encode a value as JSON for people: sorted keys, indented, with a final newline.

    Raises:
        ValueError: the value holds NaN or infinity.
    """
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def sha256(data: bytes) -> str:
    """Return the sha256 of `data` as hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as hex digits; the file is read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
