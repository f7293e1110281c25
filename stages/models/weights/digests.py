"""What weights are, told without reading 24 GB at every start."""

from __future__ import annotations

from pathlib import Path

from stages.engine.files import sha256_file
from stages.engine.storage.digests import Digests
from stages.engine.workspace import home_of
from stages.models.weights.packages import ROOT

CACHE = home_of(ROOT) / "data" / ".cache" / "weights.json"
LARGE = 64 << 20
"""Bytes: smaller files are hashed faster than anyone notices."""


def digest_of(path: Path) -> str:
    """Hex sha256 of a file. A large one is read once, and again when its size, inode or times are
    other than they were; not for telling whether a disk damaged it.

    Raises:
        OSError: it cannot be read.
    """
    if path.stat().st_size < LARGE:
        return sha256_file(path)
    digests = Digests(CACHE)
    found = digests.of(path.resolve())
    digests.save(keep=True)
    return found
