"""Digests of files, cached between runs."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from stages.engine.files import write_atomically

_SETTLED_NS = 2_000_000_000
"""Age below which a file may change again without a new time stamp, in nanoseconds."""


class Digests:
    """Computes digests of files and caches them by name, size, inode and times.

    A file is read again only if one of these has changed.
    """

    def __init__(self, path: Path | None, algorithm: str = "sha256") -> None:
        """Load the cache.

        Args:
            path: the cache's file; it may be missing, damaged or deleted at any time. None: no
                cache.
            algorithm: of `hashlib`. Use one `path` for one algorithm.
        """
        self.path, self.algorithm = path, algorithm
        self.fresh: dict[str, list[int | str]] = {}
        self.known: dict[str, list[int | str]] = {}
        try:
            known = json.loads(path.read_bytes()) if path else {}
        except (OSError, ValueError):
            known = {}
        if isinstance(known, dict):  # otherwise the cache is damaged, and files are hashed again
            self.known = known

    def of(self, path: Path) -> str:
        """Return the digest of a file's bytes as hex digits.

        Raises:
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
            return self.of_open(path, file)

    def of_open(self, path: Path, file: BufferedReader) -> str:
        """Return the digest of `file`, opened from `path` and still at its start."""
        status = os.fstat(file.fileno())
        stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
        known = self.known.get(str(path))
        if isinstance(known, list) and known[:-1] == stamp:
            digest = str(known[-1])
        else:
            digest = hashlib.file_digest(file, self._new).hexdigest()
        if time.time_ns() - max(stamp[2:]) > _SETTLED_NS:
            self.fresh[str(path)] = [*stamp, digest]
        return digest

    def _new(self) -> hashlib._Hash:
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def save(self, keep: bool = False) -> None:
        """Write the cache with the files hashed since it was loaded.

        Other files are dropped; with `keep`, only those that no longer exist.
        """
        others = {p: entry for p, entry in self.known.items() if keep and Path(p).exists()}
        cached = others | self.fresh
        if self.path and cached != self.known:
            with suppress(OSError):  # without a cache the files are hashed again
                write_atomically(self.path, json.dumps(cached).encode())
