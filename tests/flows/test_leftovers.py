import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc_commands import dvc
from dvc_objects.fs.utils import tmp_fname

from flows.leftovers import remove_what_was_left
from stages.engine.files import write_atomically
from stages.engine.workspace import Workspace

KILLED = """
import os, signal, sys
from pathlib import Path
from stages.engine.temporaries import hold_temporary_file
for name in sys.argv[1:]:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    hold_temporary_file(path).__enter__()[0].touch()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_build_finds_what_killed_processes_left_everywhere(workspace: Workspace) -> None:
    data, calls = workspace.data, workspace.calls / "answers" / "ab"
    written = [
        data / ".store" / "ab" / "abcd",
        workspace.reports / "map.progress.json",
        data / ".cache" / "outputs.json",
        data / ".places.json",
        data / "gallery" / "data" / "rows" / "0.js",
        calls / "abcd.json",
        workspace.root / "params.yaml",
        workspace.root / "reviews" / "anna.json",
        workspace.root / ".dvc" / "tmp" / "rwlock",
    ]
    before = {path for path in workspace.root.rglob("*") if path.is_file()}
    subprocess.run([sys.executable, "-c", KILLED, *map(str, written)], check=False)
    (calls / "abcd.lock").touch()
    (calls / "held.lock").touch()
    for path in written[:2]:
        write_atomically(path, b"whole")
    with (calls / "held.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        removed = remove_what_was_left(workspace)
    assert len(removed) == len(written) + 1
    after = {path for path in workspace.root.rglob("*") if path.is_file()}
    assert after - before == {*written[:2], calls / "held.lock"}


def test_a_run_that_dvc_had_not_finished_noting_is_removed(workspace: Workspace) -> None:
    """DVC fails for ever on a stage whose folder in its cache of runs is empty."""
    cache = workspace.root / ".dvc" / "cache"
    dvc(workspace.root, "repro", "-q", "ingest")
    (run,) = [path.parent for path in (cache / "runs").rglob("*") if path.is_file()]
    kept = {path for path in cache.rglob("*") if path.is_file()}
    dvc(workspace.root, "repro", "-q", "perceive")
    (broken,) = [p.parent for p in (cache / "runs").rglob("*") if p.is_file() and p.parent != run]
    for path in broken.iterdir():
        path.unlink()
    shutil.rmtree(workspace.stage("perceive"))
    (workspace.root / "dvc.lock").unlink()
    with pytest.raises(AssertionError):
        dvc(workspace.root, "repro", "-q", "perceive")
    (broken / tmp_fname()).write_text("cmd: cut off")
    unfinished = next((cache / "files" / "md5").glob("??")) / tmp_fname()
    unfinished.touch()
    assert len(remove_what_was_left(workspace)) == 3
    assert not broken.exists() and not unfinished.exists() and all(map(Path.exists, kept))
    dvc(workspace.root, "repro", "-q", "perceive")


def test_a_cache_of_several_checkouts_is_cleaned_of_old_files_only(
    workspace: Workspace, tmp_path: Path
) -> None:
    dvc(workspace.root, "cache", "dir", "-q", "--local", str(tmp_path / "shared"))
    run = tmp_path / "shared" / "runs" / "ab" / "abcd"
    run.mkdir(parents=True)
    assert remove_what_was_left(workspace) == []
    os.utime(run, (0, 0))
    assert remove_what_was_left(workspace) == [run]


def test_a_checkout_without_anything_left_is_unchanged(workspace: Workspace) -> None:
    before = sorted(workspace.root.rglob("*"))
    assert remove_what_was_left(workspace) == []
    assert sorted(workspace.root.rglob("*")) == before


def test_files_with_similar_names_stay(workspace: Workspace) -> None:
    names = (".gitignore", ".my.notes", ".result.0123456789ab.bak", ".result.0123")
    kept = [workspace.data / name for name in names]
    for path in kept:
        path.touch()
    assert remove_what_was_left(workspace) == []
    assert all(map(Path.exists, kept))
