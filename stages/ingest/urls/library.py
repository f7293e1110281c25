"""Keep what was fetched: files by the digest of their content, records by URL.

::

    data/.urls/objects/ab/<sha256>          the bytes
    data/.urls/photos/<host>/<digest>-name  a link to them for each URL, which the source list names
    data/.urls/records/ab/<digest>.json     the URL with its file's sha256, or with the problem

A second scan takes files from here without a request. Everything may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from urllib3.util import Url

from stages.engine.files import pretty_json, write_atomically
from stages.engine.storage.source_list import KEY_LENGTH
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.urls.listing import hide_secrets

FOLDER = Path("data/.urls")
"""Folder of downloads, relative to the checkout."""
_REMEMBERED = 7 * 86_400.0
"""Seconds for which a problem that does not pass is not tried again."""
_PARTIAL = ".partial-"


class Record(BaseModel):
    """What is known of a URL."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    """Without secrets (`hide_secrets`)."""
    time: float
    """When it was fetched, in seconds since the epoch."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(default=0, ge=0)
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Library:
    """The downloads of a checkout."""

    root: Path
    """The checkout."""

    @classmethod
    def of(cls, workspace: Workspace) -> Library:
        """Return the library of a workspace."""
        return cls(workspace.home)

    @property
    def folder(self) -> Path:
        """The folder of all downloads."""
        return self.root / FOLDER

    def object(self, digest: str) -> Path:
        """Return the path of the bytes with a sha256."""
        return self.folder / "objects" / digest[:2] / digest

    def listed_path(self, url: Url) -> str:
        """Return the path of a URL's file as the source list names it."""
        host = re.sub(r"[^\w.-]", "_", str(url.netloc), flags=re.ASCII).lstrip(".") or "_"
        name = re.sub(r"[^\w.-]", "_", (url.path or "").rpartition("/")[2], flags=re.ASCII)[-60:]
        return (FOLDER / "photos" / host[:100] / f"{_digest(url.url)[:16]}-{name}").as_posix()

    def _record(self, url: str) -> Path:
        digest = _digest(url)
        return self.folder / "records" / digest[:2] / f"{digest}.json"

    def find(self, url: str) -> Record | None:
        """Return the record of a URL; None if it has to be fetched (again)."""
        record = _read_record(self._record(url))
        if record is None or record.url != hide_secrets(url):
            return None
        if record.sha256 is None:
            return record if time.time() - record.time < _REMEMBERED else None
        return record if self._is_intact(record) else None

    def _is_intact(self, record: Record) -> bool:
        path = self.object(str(record.sha256))
        return path.is_file() and path.stat().st_size == record.bytes

    def store(self, blocks: Iterable[bytes]) -> tuple[str, int]:
        """Store a file; return its sha256 and size. If `blocks` raises, nothing is stored.

        Raises:
            FactoryError: the folder cannot be written to.
        """
        partial = self.folder / "objects" / f"{_PARTIAL}{secrets.token_hex(8)}"
        digest, size = hashlib.sha256(), 0
        with _local_faults(partial):
            partial.parent.mkdir(parents=True, exist_ok=True)
            file = partial.open("xb")
        try:
            with file:
                for block in blocks:
                    with _local_faults(partial):
                        file.write(block)
                    digest.update(block)
                    size += len(block)
                with _local_faults(partial):
                    file.flush()
            path = self.object(digest.hexdigest())
            with _local_faults(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest(), size

    def link(self, url: Url, digest: str) -> None:
        """Make the file of a URL lead to the bytes with this digest."""
        link = self.root / self.listed_path(url)
        target = Path("../../objects") / digest[:2] / digest
        if link.is_symlink() and link.readlink() == target:
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f"{_PARTIAL}{secrets.token_hex(8)}")
        fresh.symlink_to(target)
        fresh.replace(link)

    def note(self, url: str, **known: Any) -> None:
        """Write the record of a URL; `known` are the fields of `Record`."""
        record = Record(url=hide_secrets(url), time=time.time(), **known)
        write_atomically(self._record(url), pretty_json(record.model_dump(exclude_none=True)))

    def forget(self, url: Url, digest: str) -> None:
        """Remove a URL's record and link, and the bytes that it leads to."""
        for path in (self.object(digest), self.root / self.listed_path(url), self._record(url.url)):
            path.unlink(missing_ok=True)

    def remove_partial(self) -> None:
        """Remove what killed scans left; call it while no other scan runs."""
        for path in self.folder.glob(f"**/{_PARTIAL}*"):
            path.unlink(missing_ok=True)

    def made_of(self, keys: Collection[str]) -> Iterator[Path]:
        """Yield all files about the photos with these keys: bytes, links and records."""
        for path in self.folder.glob("objects/??/*"):
            if path.name[:KEY_LENGTH] in keys:
                yield path
        for link in self.folder.glob("photos/*/*"):
            if link.is_symlink() and link.readlink().name[:KEY_LENGTH] in keys:
                yield link
        for path in self.folder.glob("records/??/*.json"):
            if (record := _read_record(path)) and (record.sha256 or "")[:KEY_LENGTH] in keys:
                yield path


@contextmanager
def _local_faults(path: Path) -> Iterator[None]:
    """Make faults of the disk stop the scan: they are no fault of a URL."""
    try:
        yield
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error


def _digest(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


def _read_record(path: Path) -> Record | None:
    """Read a record; None if there is none or it is damaged."""
    try:
        return Record.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError, RecursionError):
        return None
