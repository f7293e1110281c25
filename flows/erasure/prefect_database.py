"""Erase what Prefect's database on this machine keeps of builds: contact sheets, logs, states.

The server keeps contact sheets as pictures without a record of whose photos they show, so all of
them are removed. Elsewhere the photo's path is overwritten. The database of a server on another
machine is out of reach; `flows.erasure.purge` says what to delete there.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from flows.erasure.photo import Photo
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

PURGED = "(purged)"
SHEET = "contact-sheet"
"""Key of the artifacts that `flows.build` makes."""
_OURS = "type = 'image' AND key = ?"
_WAIT_SECONDS = 10.0


def find_databases(workspace: Workspace) -> list[Path]:
    """Find the databases in the factory's own Prefect home and in the user's."""
    own = os.environ.get("PREFECT_HOME", "").strip()
    homes = [
        workspace.root / load_settings(workspace).prefect_home,
        Path(own) if own else Path.home() / ".prefect",
    ]
    return [path for home in homes if (path := home / "prefect.db").is_file()]


def count_rows(path: Path, photos: Sequence[Photo]) -> int:
    """Count the rows that would be removed or overwritten.

    Raises:
        FactoryError: the database cannot be used.
    """
    with _open_database(path) as db:
        sheets = sum(_count(db, table, _OURS, (SHEET,)) for table in _sheet_tables(db))
        if not (names := _names(photos)):
            return sheets
        return sheets + sum(_count_any(db, table, column, names) for table, column in _columns(db))


def purge_rows(path: Path, photos: Sequence[Photo]) -> None:
    """Remove and overwrite rows, then rewrite the file so that no old pages remain in it.

    Raises:
        FactoryError: the database cannot be used.
    """
    with _open_database(path) as db:
        for table in _sheet_tables(db):
            db.execute(f'DELETE FROM "{table}" WHERE {_OURS}', (SHEET,))  # noqa: S608
        names = _names(photos)
        for table, column in _columns(db):
            for name in names if _count_any(db, table, column, names) else ():
                db.execute(
                    f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '  # noqa: S608
                    f"WHERE {_contains(column)}",
                    (name, PURGED, name),
                )
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _open_database(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)) as db:
            yield db
    except sqlite3.Error as error:
        raise FactoryError(
            f"Prefect's database {path} cannot be cleaned ({error}); stop the server that uses it, "
            "and run the same command again"
        ) from error


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')]
        for name in names
        if not name.startswith("sqlite_")
    }


def _sheet_tables(db: sqlite3.Connection) -> list[str]:
    """Find the tables of artifacts and of Prefect's copies of the latest artifact per key."""
    return [name for name, columns in _tables(db).items() if {"key", "type", "data"} <= {*columns}]


def _columns(db: sqlite3.Connection) -> list[tuple[str, str]]:
    return [(table, column) for table, columns in _tables(db).items() for column in columns]


def _contains(column: str) -> str:
    return f'(typeof("{column}") = \'text\' AND instr("{column}", ?) > 0)'


def _count_any(db: sqlite3.Connection, table: str, column: str, names: Sequence[str]) -> int:
    """Count the rows whose column contains one of the names. SQLite refuses a chain of many
    conditions, so they are one JSON list."""
    own = f'"{table}"."{column}"'
    each = f"SELECT 1 FROM json_each(?) AS photo WHERE instr({own}, photo.value) > 0"  # noqa: S608
    return _count(db, table, f"typeof({own}) = 'text' AND EXISTS ({each})", [json.dumps(names)])


def _names(photos: Sequence[Photo]) -> list[str]:
    """Return the photos' names, longest first: a relative path is the end of an absolute one."""
    names = {name.decode() for photo in photos for name in photo.names}
    return sorted(names, key=len, reverse=True)


def _count(db: sqlite3.Connection, table: str, where: str, values: Sequence[str]) -> int:
    (found,) = db.execute(f'SELECT COUNT(*) FROM "{table}" WHERE {where}', values).fetchone()  # noqa: S608
    return found
