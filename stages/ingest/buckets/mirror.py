"""Keep copies of a bucket's objects under their names.

::

    data/.buckets/<bucket>/<key>    the bytes; the source list names these files
    data/.buckets/.objects.sqlite   which content was fetched for which object
    data/.buckets/.partial/         downloads that are not complete yet

Everything may be deleted at any time and is then fetched again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stages.engine.files import sha256_file
from stages.engine.storage.digests import Digests
from stages.engine.storage.s3 import PROTOCOL
from stages.engine.storage.source_list import KEY_LENGTH
from stages.engine.workspace import Workspace
from stages.ingest.buckets.records import Record, Records
from stages.ingest.licences import sidecar_names

FOLDER = Path("data/.buckets")
"""Folder of the copies, relative to the checkout."""


@dataclass(frozen=True)
class Mirror:
    """The copies of a checkout."""

    root: Path
    """The checkout."""

    @classmethod
    def of(cls, workspace: Workspace) -> Mirror:
        """Return the copies of a workspace."""
        return cls(workspace.home)

    @property
    def folder(self) -> Path:
        """The folder of all copies."""
        return self.root / FOLDER

    @property
    def partial(self) -> Path:
        """The folder of downloads that are not complete yet."""
        return self.folder / ".partial"

    def temporaries(self) -> Iterator[Path]:
        """Yield the downloads that are not complete, and those of killed processes."""
        return self.partial.glob(".*.*")

    @property
    def database(self) -> Path:
        """The file of `Records`."""
        return self.folder / ".objects.sqlite"

    def listed_path(self, bucket: str, key: str) -> str:
        """Return the path of an object's copy as the source list names it."""
        return f"{FOLDER.as_posix()}/{bucket}/{key}"

    def path(self, bucket: str, key: str) -> Path:
        """Return the path of an object's copy; `key` has no fault (`names.find_fault`)."""
        return self.root / self.listed_path(bucket, key)

    def show(self, path: Path) -> str:
        """Return the address of the object whose copy has this path."""
        return self.address_of(path.relative_to(self.root).as_posix()) or str(path)

    def address_of(self, listed: str) -> str | None:
        """Return the address of the object whose copy has this path in the source list."""
        start = f"{FOLDER.as_posix()}/"
        return f"{PROTOCOL}{listed.removeprefix(start)}" if listed.startswith(start) else None

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object's copy, if there is one."""
        path = self.path(bucket, key)
        if _is_file(path):
            path.unlink(missing_ok=True)

    @staticmethod
    def listed_name(address: str) -> str:
        """Return the path that the source list has for an object; other texts as they are."""
        is_object = address.startswith(PROTOCOL)
        return f"{FOLDER.as_posix()}/{address.removeprefix(PROTOCOL)}" if is_object else address

    def is_intact(self, bucket: str, key: str, record: Record, digests: Digests) -> bool:
        """Whether the copy has the bytes that were fetched."""
        path = self.path(bucket, key)
        try:
            return path.stat().st_size == record.size and digests.of(path) == record.sha256
        except OSError:
            return False

    def made_of(self, keys: Collection[str]) -> list[Path]:
        """Return the copies of the photos with these keys, and of their sidecars."""
        if not keys or not self.folder.is_dir():
            return []
        records = Records(self.database)
        try:
            copies = (path for path in self.folder.glob("[!.]*/**/*") if path.is_file())
            photos = [path for path in copies if self._find_key(path, records) in keys]
        finally:
            records.close()
        sidecars = (path.with_name(name) for path in photos for name in sidecar_names(path.name))
        return sorted({*photos, *filter(_is_file, sidecars)})

    def _find_key(self, path: Path, records: Records) -> str | None:
        bucket, *key = path.relative_to(self.folder).parts
        if record := records.find(bucket, "/".join(key)):
            return record.sha256[:KEY_LENGTH]
        with suppress(OSError):
            return sha256_file(path)[:KEY_LENGTH]
        return None


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises when the name is too long
