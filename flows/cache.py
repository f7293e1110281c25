"""Read and check DVC's cache: files named by the md5 of their bytes, and listings of folders.

DVC hashes a file when it adds it to the cache and never again: it takes a protected file to be
intact. What DVC restores from its cache is therefore checked with this module.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.repository import translate_errors
from stages.engine.workspace import Workspace

LISTING = ".dir"
"""Suffix of a folder's digest; the object of that name is the folder's listing."""


Hash = Callable[[Path], str]
"""Returns the md5 of a file."""


def md5(path: Path) -> str:
    """Return the md5 of a file's bytes in hex, DVC's name for the file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def listing_bytes(files: dict[str, str]) -> bytes:
    """Serialise a folder's listing as DVC does: relative path and md5 of every file."""
    listing = [{"md5": digest, "relpath": name} for name, digest in sorted(files.items())]
    return json.dumps(listing, sort_keys=True).encode()


def folder_digest(files: dict[str, str]) -> str:
    """Return DVC's digest of a folder: the md5 of its listing with the suffix ``.dir``."""
    return hashlib.md5(listing_bytes(files), usedforsecurity=False).hexdigest() + LISTING


@dataclass(frozen=True)
class ObjectCache:
    """DVC's cached objects below one folder."""

    root: Path

    @classmethod
    def of(cls, workspace: Workspace) -> ObjectCache:
        """Open the cache of a checkout, wherever its DVC configuration puts it."""
        from dvc.repo import Repo

        with translate_errors(workspace), Repo(str(workspace.root)) as repo:
            return cls(Path(repo.cache.local.path))

    def path(self, digest: str) -> Path:
        """Return the path of the object with this digest."""
        return self.root / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """Whether an object exists, intact or not."""
        return self.path(digest).is_file()

    def is_damaged(self, digest: str, read: Hash = md5) -> bool:
        """Whether an object exists but its bytes do not match its digest."""
        return self.has(digest) and read(self.path(digest)) != digest.removesuffix(LISTING)

    def listing(self, digest: str) -> dict[str, str] | None:
        """Map a folder's relative paths to md5s; None if the listing is missing or damaged."""
        if not self.has(digest) or self.is_damaged(digest):
            return None
        return {e["relpath"]: e["md5"] for e in json.loads(self.path(digest).read_bytes())}

    def drop_damaged(self, digest: str) -> None:
        """Remove an object if it is damaged."""
        if self.is_damaged(digest):
            self.path(digest).unlink()
