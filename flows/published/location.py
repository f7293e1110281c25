"""Open the files of a published copy: in a folder, or below a URL that fsspec can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from stages.engine.files import open_regular
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MAX_TABLE_BYTES = 4 * 2**30
"""Maximum size of a file beside the shards that is read."""
SILENCE = 60
"""Seconds after which a server that sends nothing has failed."""


@dataclass(frozen=True)
class Location:
    """A folder or a URL that holds a data set."""

    base: str
    """Without a slash at the end."""

    @classmethod
    def of(cls, target: str) -> tuple[Location, str]:
        """Split a target into its location and, if it names a shard, the shard's file name."""
        base = target.rstrip("/")
        if base.endswith(".tar"):
            folder, _, shard = base.rpartition("/")
            return cls(folder or "."), shard
        return cls(base), ""

    @property
    def is_remote(self) -> bool:
        """Whether it is a URL."""
        return "://" in self.base

    def open(self, name: str, in_parts: bool = False) -> IO[bytes]:
        """Open a file for reading.

        Args:
            name: its name in the folder.
            in_parts: whether single ranges are going to be read. A remote file is then read range
                by range; otherwise in blocks, or as one stream if the server sends no ranges, which
                can only be read forwards.

        Raises:
            FactoryError: it cannot be opened.
        """
        path = f"{self.base}/{name}"
        try:
            if not self.is_remote:
                return open_regular(Path(path))
            files, inner = _find_files(path)
            options: dict[str, Any] = {}
            if in_parts:
                options = {"cache_type": "none"}
            elif path.startswith("http") and not _sends_ranges(files, inner):
                options = {"block_size": 0}
            return cast("IO[bytes]", files.open(inner, "rb", **options))
        except (OSError, ValueError, ImportError) as error:
            raise FactoryError(f"{path} cannot be read: {error}") from error

    def read(self, name: str, limit: int) -> bytes:
        """Read a file, at most its first `limit` bytes.

        Raises:
            FactoryError: it cannot be opened.
        """
        content = bytearray()
        with self.open(name) as file:
            while chunk := file.read(min(2**20, limit - len(content))):
                content += chunk
        return bytes(content)

    def size(self, name: str) -> int:
        """Return a file's size in bytes.

        Raises:
            FactoryError: there is no such file.
        """
        path = f"{self.base}/{name}"
        try:
            if not self.is_remote:
                return Path(path).stat().st_size
            files, inner = _find_files(path)
            return int(files.size(inner) or 0)
        except (OSError, ValueError, ImportError) as error:
            raise FactoryError(f"{path} cannot be read: {error}") from error


def _find_files(path: str) -> tuple[AbstractFileSystem, str]:
    """Return the file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs

    if not path.startswith("http"):
        return url_to_fs(path)
    from aiohttp import ClientTimeout

    # aiohttp's default ends every transfer after 5 minutes.
    return url_to_fs(path, client_kwargs={"timeout": ClientTimeout(total=None, sock_read=SILENCE)})


def _sends_ranges(files: AbstractFileSystem, path: str) -> bool:
    """Return whether a server sends parts of a file."""
    with files.open(path, "rb", cache_type="none") as file:
        try:
            file.seek(1)
            file.read(1)
        except ValueError:
            return False
    return True
