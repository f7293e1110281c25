"""Hashes of files, remembered from one run to the next."""

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
"""A file changed this recently may change again without a new time stamp."""


class Digests:
    """Digests of files, remembered by name, size, inode and times so that no file is read twice.

    A file of which any of these differ is hashed anew.
    """

    def __init__(self, path: Path | None, algorithm: str = "sha256") -> None:
        """Take up what `path` remembers; it may be missing, damaged or deleted at any time.
        None remembers nothing. One `path` holds digests of one `algorithm`."""
        self.path, self.algorithm = path, algorithm
        self.fresh: dict[str, list[int | str]] = {}
        self.known: dict[str, list[int | str]] = {}
        try:
            known = json.loads(path.read_bytes()) if path else {}
        except (OSError, ValueError):
            known = {}
        if isinstance(known, dict):  # else: a damaged cache, the files are hashed again
            self.known = known

    def of(self, path: Path) -> str:
        """Hex digest of a file's bytes.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            return self.of_open(path, file)

    def of_open(self, path: Path, file: BufferedReader) -> str:
        """`of` a file that is open already, at its start, and goes by the name of `path`."""
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
        """Remember the files that were asked for. Others are forgotten; with `keep` only those
        that are no longer there."""
        others = {p: entry for p, entry in self.known.items() if keep and Path(p).exists()}
        remembered = others | self.fresh
        if self.path and remembered != self.known:
            with suppress(OSError):  # what cannot be remembered is hashed again
                write_atomically(self.path, json.dumps(remembered).encode())
