"""Digests of weights, without reading 24 GB at every start."""

from __future__ import annotations

from pathlib import Path

from stages.engine.files import sha256_file
from stages.engine.storage.digests import Digests
from stages.engine.workspace import home_of
from stages.models.weights.packages import ROOT

CACHE = home_of(ROOT) / "data" / ".cache" / "weights.json"
LARGE = 64 << 20
"""Bytes; smaller files are hashed every time."""


def digest_of(path: Path) -> str:
    """Return the hex sha256 of a file.

    The digest of a large file is cached and computed again only if the file's size, inode or times
    have changed, so this does not detect damage by the disk.

    Raises:
        OSError: the file cannot be read.
    """
    if path.stat().st_size < LARGE:
        return sha256_file(path)
    digests = Digests(CACHE)
    found = digests.of(path.resolve())
    digests.save(keep=True)
    return found
