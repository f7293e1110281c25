"""Open the files of a published copy: in a folder, or below a URL that fsspec can read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from stages.engine.workspace import FactoryError

MAX_TABLE_BYTES = 4 * 2**30
"""Maximum size of a manifest that is read from a URL."""


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

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading; remote ones are read in blocks.

        Raises:
            FactoryError: it cannot be opened.
        """
        path = f"{self.base}/{name}"
        try:
            if not self.is_remote:
                return Path(path).open("rb")
            from fsspec.core import url_to_fs

            files, inner = url_to_fs(path)
            return cast("IO[bytes]", files.open(inner, "rb"))
        except (OSError, ValueError, ImportError) as error:
            raise FactoryError(f"{path} cannot be read: {error}") from error

    def size(self, name: str) -> int:
        """Return a file's size in bytes.

        Raises:
            FactoryError: there is no such file.
        """
        path = f"{self.base}/{name}"
        try:
            if not self.is_remote:
                return Path(path).stat().st_size
            from fsspec.core import url_to_fs

            files, inner = url_to_fs(path)
            return int(files.size(inner) or 0)
        except (OSError, ValueError, ImportError) as error:
            raise FactoryError(f"{path} cannot be read: {error}") from error
