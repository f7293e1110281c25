"""Hashes of files, remembered between scans."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from stages.engine.files import write_atomically
from stages.ingest.files import FileProblem, open_regular

MAX_HASHED = 1 << 30
"""Bytes: larger files are no photos and are not read. `ingest.max_bytes` is the cap for photos."""
_SETTLED_NS = 2_000_000_000
"""A file changed this recently may change again without a new time stamp."""


class Digests:
    """sha256 of files, remembered by size, inode and times so that a rescan reads nothing twice."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.fresh: dict[str, list[int | str]] = {}
        self.known: dict[str, list[int | str]] = {}
        try:
            known = json.loads(path.read_bytes()) if path else {}
        except (OSError, ValueError):
            known = {}
        if isinstance(known, dict):  # else: a damaged cache, the files are hashed again
            self.known = known

    def of(self, photo: Path) -> tuple[int, str]:
        """Size and sha256.

        Raises:
            FileProblem: it cannot be read, is no regular file, is empty or far too large.
        """
        with open_regular(photo) as (file, status):
            if status.st_size == 0:
                raise FileProblem("empty", "has no bytes: copy it again")
            if status.st_size > MAX_HASHED:
                raise FileProblem("too_large", f"has {status.st_size:,} bytes: not a photo")
            stamp = [status.st_size, status.st_ino, status.st_mtime_ns, status.st_ctime_ns]
            known = self.known.get(str(photo))
            if isinstance(known, list) and known[:-1] == stamp:
                digest = str(known[-1])
            else:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if time.time_ns() - max(stamp[2:]) > _SETTLED_NS:
                self.fresh[str(photo)] = [*stamp, digest]
            return status.st_size, digest

    def save(self) -> None:
        """Write what is known of the files asked for; others are forgotten."""
        if self.path and self.fresh != self.known:
            write_atomically(self.path, json.dumps(self.fresh).encode())
