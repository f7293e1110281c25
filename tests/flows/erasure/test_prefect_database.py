from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from flows.erasure.photo import Photo
from flows.erasure.prefect_database import count_rows, find_databases, purge_rows
from stages.engine.workspace import FactoryError, Workspace

PHOTO = Photo("0" * 16, "0" * 64, ("photos/a ä.jpg",), (Path("/home/x/photos/a ä.jpg"),))
SHEET = "data:image/jpeg;base64,c2hlZXQ"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with Prefect's own tables: contact sheets, a gate's table, a log and a flow."""
    import sqlalchemy as sa
    from prefect.server.database.orm_models import Artifact, ArtifactCollection, Base, Flow, Log

    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'prefect.db'}")
    now = sa.func.strftime("%Y-%m-%d")
    with engine.begin() as db:
        for table in Base.metadata.tables.values():
            db.execute(sa.schema.CreateTable(table))
        for model in (Artifact, ArtifactCollection):
            rows = [
                {"key": "contact-sheet", "type": "image", "data": SHEET},
                {"key": "map-gate", "type": "table", "data": [{"examples": PHOTO.paths[0]}]},
            ]
            if model is ArtifactCollection:
                rows = [{**row, "latest_id": "0" * 32} for row in rows]
            db.execute(sa.insert(model), rows)
        words = f"{PHOTO.files[0]} is too small"
        log = {"name": "x", "level": 20, "message": words, "timestamp": now}
        db.execute(sa.insert(Log).values(**log))
        db.execute(sa.insert(Flow).values(name="flawfactory-build"))
    engine.dispose()
    return tmp_path / "prefect.db"


def test_contact_sheets_are_removed_and_paths_overwritten(path: Path) -> None:
    assert find_databases(Workspace(path.parent)) == [path]
    assert count_rows(path, [PHOTO]) == 5
    purge_rows(path, [PHOTO])
    assert count_rows(path, [PHOTO]) == 0
    content = path.read_bytes()
    assert SHEET.encode() not in content and b"photos/a" not in content
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT key FROM artifact").fetchall() == [("map-gate",)]
        assert db.execute("SELECT message FROM log").fetchall() == [("(purged) is too small",)]
        assert db.execute("SELECT name FROM flow").fetchall() == [("flawfactory-build",)]


def test_many_photos_are_erased_at_once(path: Path) -> None:
    photos = [Photo(f"{n:016x}", None, (f"photos/{n}.jpg",), ()) for n in range(1100)]
    photos.append(PHOTO)
    assert count_rows(path, photos) == 5
    purge_rows(path, photos)
    assert count_rows(path, photos) == 0


def test_a_file_that_is_not_a_database_is_an_error(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(FactoryError, match="cannot be cleaned"):
        count_rows(path, [PHOTO])


def test_databases_are_found_only_in_prefect_homes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "none"))
    assert find_databases(Workspace(tmp_path)) == []
    own = tmp_path / "data" / ".prefect" / "prefect.db"
    own.parent.mkdir(parents=True)
    own.touch()
    assert find_databases(Workspace(tmp_path)) == [own]
