"""Read a shard that nobody has checked yet: nothing is extracted, sizes and names are bounded."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from stages.engine.storage.ustar import Entry, Readable, walk
from stages.engine.workspace import FactoryError

_BLOCK = 2**20
_SHARD = re.compile(r"\w[\w.-]*\.tar")


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
        """Read what is left and return the sha256 of the whole file.

        After the last entry a tar file ends within 10 KiB: of more, which may never end, one block
        is read, and the digest is not the file's.
        """
        left = _BLOCK
        while left and (data := self.read(left)):
            left -= len(data)
        return self._hash.hexdigest()


def stream(
    file: Readable, limit: int, wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[Entry]:
    """Yield the entries in order, at most `limit` of them.

    Args:
        file: the shard.
        limit: number of entries that the manifest allows.
        wanted: says by name whether an entry's bytes are read.

    Raises:
        ValueError: it is not a tar file, it ends early, or it has more entries than allowed.
    """
    for number, entry in enumerate(walk(file, wanted)):
        if number >= limit:
            raise ValueError(f"more than {limit} entries, which is what the manifest lists")
        yield entry


def read_part(file: IO[bytes], place: tuple[int, int]) -> list[Entry]:
    """Read the entries in a half-open range of a shard's bytes.

    Raises:
        ValueError: the range does not begin with a header, an entry ends beyond it, or `file`
            cannot be read from there.
    """
    start, stop = place
    file.seek(start)
    return list(walk(io.BytesIO(file.read(stop - start)), part_from=start))


@contextmanager
def naming_damage(shard: Path | str) -> Iterator[None]:
    """Turn the exceptions of reading a shard's samples into errors that name the shard.

    Raises:
        FactoryError: the shard, a record or a picture cannot be read.
    """
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        what = f"no member {error}" if isinstance(error, KeyError) else str(error)
        raise FactoryError(f"{shard} is damaged: {what}; run `flawfactory verify`") from error


def check_shard_name(name: object) -> str:
    """Return the name of a shard that a manifest lists.

    Raises:
        FactoryError: it is not the plain name of a tar file, so it could lead out of the folder.
    """
    if not isinstance(name, str) or not _SHARD.fullmatch(name):
        raise FactoryError(f"the manifest lists {name!r}, which is not the name of a shard")
    return name
