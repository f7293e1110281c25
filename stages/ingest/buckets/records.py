"""Remember which content was fetched for which object, so that it is not fetched again.

Names are stored as digests: of a photo that was purged the record stays, so that it is recognised
without a download, but not its name.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from stages.engine.storage.s3 import Object
from stages.engine.workspace import FactoryError


@dataclass(frozen=True)
class Record:
    """What was fetched for an object."""

    size: int
    etag: str
    sha256: str

    def is_of(self, found: Object) -> bool:
        """Whether the object still has the content that was fetched."""
        return bool(found.etag) and (self.size, self.etag) == (found.size, found.etag)


class Records:
    """The records of a checkout, in a database that may be deleted at any time."""

    def __init__(self, path: Path) -> None:
        """Open or create the database.

        Raises:
            FactoryError: it cannot be used.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS objects (name TEXT PRIMARY KEY, size INTEGER NOT NULL, "
                "etag TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def find(self, bucket: str, key: str) -> Record | None:
        """Return what was fetched for an object; None if that is not known."""
        try:
            row = self._db.execute(
                "SELECT size, etag, sha256 FROM objects WHERE name = ?", (_digest(bucket, key),)
            ).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        return Record(*row) if row else None

    def note(self, bucket: str, key: str, record: Record) -> None:
        """Record what was fetched for an object."""
        row = (_digest(bucket, key), record.size, record.etag, record.sha256)
        try:
            self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> FactoryError:
        return FactoryError(
            f"{self._path} cannot be used ({error}); if it is damaged, remove it: what it records "
            "is fetched again"
        )


def _digest(bucket: str, key: str) -> str:
    return hashlib.sha256(f"{bucket}/{key}".encode("utf-8", "surrogatepass")).hexdigest()
