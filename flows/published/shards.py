"""Stream a shard that nobody has checked yet: nothing is extracted, sizes and names are bounded."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

MAX_MEMBER_BYTES = 512 * 2**20
"""Maximum size of a member: far above a picture of `ingest.max_pixels` as PNG."""
_BLOCK = 2**20


class HashingReader:
    """Hashes a file while it is read forwards."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash up to `size` bytes."""
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def hexdigest(self) -> str:
        """Read what is left and return the sha256 of the whole file."""
        while self.read(_BLOCK):
            pass
        return self._hash.hexdigest()


@dataclass(frozen=True)
class Entry:
    """One entry of a shard."""

    name: str
    data: bytes
    problem: str = ""
    """Why it is no member of a data set; `data` is then empty."""


def stream(file: HashingReader, wanted: frozenset[str] | None, limit: int) -> Iterator[Entry]:
    """Yield the entries in order, at most `limit` of them.

    Args:
        file: the shard, read forwards only.
        wanted: keys of the pairs whose members are read; others are skipped. None reads all.
        limit: number of entries that the manifest allows.

    Raises:
        ValueError: it is not a tar file, it ends early, or it has more entries than allowed.
    """
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r|") as tar:
            for number, info in enumerate(tar):
                if number >= limit:
                    raise ValueError(f"more than {limit} entries, which is what the manifest lists")
                if problem := _find_problem(info):
                    yield Entry(info.name, b"", problem)
                elif wanted is None or info.name.split(".", 1)[0] in wanted:
                    content = tar.extractfile(info)
                    data = content.read() if content is not None else b""
                    if len(data) != info.size:
                        raise ValueError(f"{info.name} ends early")
                    yield Entry(info.name, data)
    except tarfile.TarError as error:
        raise ValueError(f"not a readable tar file: {error}") from error
    except EOFError as error:
        raise ValueError("the file ends early") from error


def _find_problem(info: tarfile.TarInfo) -> str:
    if not info.isreg():
        return "is not a regular file"
    if "/" in info.name or "\\" in info.name or info.name.startswith("."):
        return "has a path in its name"
    if info.size > MAX_MEMBER_BYTES:
        return f"has {info.size} bytes, more than {MAX_MEMBER_BYTES}"
    return ""
