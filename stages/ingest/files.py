"""Read untrusted files of a folder, without blocking and up to a maximum size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from stages.engine import files
from stages.engine.codes import RejectCode
from stages.engine.storage.digests import Digests
from stages.ingest.codes import IngestAside, IngestCode

MAX_HASHED = 1 << 30
"""Bytes: larger files are not photos and are not read. `ingest.max_bytes` limits photos."""


class FileProblem(Exception):
    """A file that cannot be used.

    Attributes:
        code: the reject's code.
        message: the problem and its remedy.
    """

    def __init__(self, code: RejectCode, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@contextmanager
def open_regular(path: Path) -> Iterator[tuple[BufferedReader, os.stat_result]]:
    """Open a regular file (or a link to one) for reading; do not open devices, FIFOs or sockets.

    Yields:
        The binary file and its status, both of the same open descriptor.

    Raises:
        FileProblem: ``missing``, ``not_a_file`` or ``unreadable``.
    """
    try:
        with files.open_regular(path) as file:
            yield file, os.fstat(file.fileno())
    except files.NotAFileError as error:
        raise FileProblem(IngestAside.NOT_A_FILE, f"{error.strerror}: not opened") from error
    except FileNotFoundError as error:
        message = "is missing: withdraw it, or put it back and build again"
        if path.is_symlink():
            message = "is a link to a missing file: repair the link and scan again"
        raise FileProblem(IngestCode.MISSING, message) from error
    except OSError as error:
        raise FileProblem(
            IngestCode.UNREADABLE,
            f"cannot be read ({error.strerror}): check its permissions and its disk",
        ) from error


def digest_capped(path: Path, digests: Digests) -> tuple[int, str]:
    """Return the size and sha256 of a regular file that may be a photo.

    Raises:
        FileProblem: as `open_regular`, or ``empty`` or ``too_large`` (over `MAX_HASHED`).
    """
    with open_regular(path) as (file, status):
        if status.st_size == 0:
            raise FileProblem(IngestCode.EMPTY, "has no bytes: copy it again")
        if status.st_size > MAX_HASHED:
            raise FileProblem(IngestCode.TOO_LARGE, f"has {status.st_size:,} bytes: not a photo")
        return status.st_size, digests.of_open(path, file)


def read_capped(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`.

    Raises:
        FileProblem: as `open_regular`, or ``too_large``.
    """
    with open_regular(path) as (file, status):
        data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            size = max(status.st_size, len(data))
            raise FileProblem(
                IngestCode.TOO_LARGE, f"has {size:,} bytes; at most {max_bytes:,} are read"
            )
        return data
