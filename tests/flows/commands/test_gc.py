import os
import time
from types import SimpleNamespace

import pytest
from rich.filesize import decimal
from typer.testing import CliRunner

from flows.cli import app
from flows.commands import gc
from stages import STAGES
from stages.engine.storage.store import Result, Store
from stages.engine.storage.tables import PHOTOS
from stages.engine.workspace import Workspace

NEEDED, UNNEEDED = "ab" * 32, "cd" * 32


@pytest.fixture
def store(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two results, one of which the stages need, and files that two killed writers left behind."""
    store = Store(workspace.data / ".store")
    for key in (NEEDED, UNNEEDED):
        store.put(key, Result({}, {"m": bytes(900_000)}, []))
    for name, age in (("old", 25 * 3600), ("new", 60)):
        path = store.path(NEEDED).with_name(f".{NEEDED}.{name}")
        path.write_bytes(bytes(2000))
        os.utime(path, (time.time() - age,) * 2)
    work = SimpleNamespace(refs=[SimpleNamespace(store_key=NEEDED)])
    monkeypatch.setattr(gc, "gather", lambda stage, workspace: work)
    for name in STAGES:
        workspace.stage(name).mkdir()
        (workspace.stage(name) / PHOTOS).touch()
    return store


def names(store: Store) -> set[str]:
    return {path.name for path in store.root.glob("??/*")}


def test_gc_without_yes_only_counts(store: Store) -> None:
    before = names(store)
    done = CliRunner().invoke(app, ["gc"])
    assert done.exit_code == 0 and names(store) == before
    size = decimal(store.size([UNNEEDED]))
    assert f"1 results are not needed by this version ({size})" in done.output
    assert "1 files were left behind by killed writers (2.0 kB)" in done.output


def test_gc_removes_unneeded_results_and_old_leftovers(store: Store) -> None:
    assert CliRunner().invoke(app, ["gc", "--yes"]).exit_code == 0
    assert names(store) == {NEEDED, f".{NEEDED}.new"}


def test_gc_keeps_results_until_every_stage_has_an_output(
    store: Store, workspace: Workspace
) -> None:
    (workspace.stage("map") / PHOTOS).unlink()
    done = CliRunner().invoke(app, ["gc", "--yes"])
    assert done.exit_code == 0 and "map has no output" in done.output
    assert names(store) == {NEEDED, UNNEEDED, f".{NEEDED}.new"}
