"""DVC's cache: files named by the md5 of their bytes, and listings of folders.

DVC hashes a file when it puts it there and never again: a protected file is taken for whole. What
is brought back from the cache is therefore checked here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.repository import told_in_a_line
from stages.engine.workspace import Workspace

LISTING = ".dir"
"""Suffix of a folder's digest; its object is the folder's listing."""


Hash = Callable[[Path], str]
"""md5 of a file."""


def md5(path: Path) -> str:
    """Hex digest of a file's bytes, as DVC names it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def listing_bytes(files: dict[str, str]) -> bytes:
    """A folder's listing as DVC writes it: relative path and md5 of every file."""
    listing = [{"md5": digest, "relpath": name} for name, digest in sorted(files.items())]
    return json.dumps(listing, sort_keys=True).encode()


def folder_digest(files: dict[str, str]) -> str:
    """DVC's digest of a folder: the md5 of its listing, with the suffix ``.dir``."""
    return hashlib.md5(listing_bytes(files), usedforsecurity=False).hexdigest() + LISTING


@dataclass(frozen=True)
class ObjectCache:
    """The objects below one folder."""

    root: Path

    @classmethod
    def of(cls, workspace: Workspace) -> ObjectCache:
        """The cache that a checkout uses, wherever its configuration puts it."""
        from dvc.repo import Repo

        with told_in_a_line(workspace), Repo(str(workspace.root)) as repo:
            return cls(Path(repo.cache.local.path))

    def path(self, digest: str) -> Path:
        """Where the object of that digest lies."""
        return self.root / digest[:2] / digest[2:]

    def has(self, digest: str) -> bool:
        """Whether an object is there, whole or not."""
        return self.path(digest).is_file()

    def damaged(self, digest: str, read: Hash = md5) -> bool:
        """Whether an object is there with other bytes than its digest says."""
        return self.has(digest) and read(self.path(digest)) != digest.removesuffix(LISTING)

    def listing(self, digest: str) -> dict[str, str] | None:
        """Relative path to md5 of a folder's files; None when the listing is missing or damaged."""
        if not self.has(digest) or self.damaged(digest):
            return None
        return {e["relpath"]: e["md5"] for e in json.loads(self.path(digest).read_bytes())}

    def drop_damaged(self, digest: str) -> None:
        """Remove an object that is not what its name says."""
        if self.damaged(digest):
            self.path(digest).unlink()
