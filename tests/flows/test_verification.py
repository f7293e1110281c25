import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.verification import verify_outputs
from stages.engine.workspace import FactoryError, Workspace


def dvc_repro(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "dvc", "repro", "ingest"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    subprocess.run(command, cwd=workspace.root, env=environment, check=True, capture_output=True)


def test_nothing_built_is_one_clear_error(workspace: Workspace) -> None:
    with pytest.raises(FactoryError, match="flawfactory build"):
        verify_outputs(workspace)


def test_damage_additions_and_losses_are_found_and_repaired(workspace: Workspace) -> None:
    dvc_repro(workspace)
    folder = workspace.stage("ingest")
    assert verify_outputs(workspace) == []
    file = folder / "out.txt"
    times = file.stat()
    file.write_text("photoz")  # one letter; the time is put back, so DVC would not look
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    (folder / "stray").write_text("")
    found = {(f.path.name, f.problem) for f in verify_outputs(workspace)}
    assert found == {
        ("out.txt", "its bytes changed since the build"),
        ("stray", "not part of the output"),
    }
    os.utime(file)
    dvc_repro(workspace)
    assert verify_outputs(workspace) == []
    file.unlink()
    assert [f.problem for f in verify_outputs(workspace)] == ["missing"]


def test_without_dvcs_cache_the_folder_is_named(workspace: Workspace) -> None:
    dvc_repro(workspace)
    for listing in (workspace.root / ".dvc" / "cache").rglob("*.dir"):
        listing.unlink()
    (workspace.stage("ingest") / "out.txt").write_text("other")
    assert [f.path for f in verify_outputs(workspace)] == [workspace.stage("ingest")]
