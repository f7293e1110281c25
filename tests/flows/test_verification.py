import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import pipeline
from flows.verification import find_damaged_outputs, verify_cache, verify_outputs
from stages.engine.storage import digests
from stages.engine.workspace import FactoryError, Workspace


def dvc_repro(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "dvc", "repro", "ingest"]
    environment = pipeline.child_environment()
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


def cached(workspace: Workspace, suffix: str = "") -> Path:
    """The only cached file, or listing, of a build that ran ingest alone."""
    objects = workspace.root / ".dvc" / "cache" / "files"
    [path] = [p for p in objects.rglob("*") if p.is_file() and p.suffix == suffix]
    return path


@pytest.mark.parametrize("suffix", ["", ".dir"])
def test_a_damaged_cached_copy_is_named(workspace: Workspace, suffix: str) -> None:
    dvc_repro(workspace)
    assert verify_cache(workspace) == []
    path = cached(workspace, suffix)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"t", b"u"))
    [finding] = verify_cache(workspace)
    assert finding.stage == "ingest" and finding.path == path
    assert str(workspace.stage("ingest")) in str(finding)
    path.unlink()
    assert verify_cache(workspace) == []  # not cached is not damaged


def test_an_output_is_hashed_when_it_is_new_here_and_not_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))  # files just written count as settled
    dvc_repro(workspace)
    assert find_damaged_outputs(workspace, ["ingest"]) == []
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
        assert find_damaged_outputs(workspace, ["ingest"]) == []
    file = workspace.stage("ingest") / "out.txt"
    file.write_text("photoz")
    os.utime(file, (1, 1))
    assert [f.path for f in find_damaged_outputs(workspace, ["ingest"])] == [file]
    assert find_damaged_outputs(workspace, ["map"]) == []


def test_an_output_that_is_not_here_is_no_damage(workspace: Workspace) -> None:
    assert find_damaged_outputs(workspace, ["ingest"]) == []  # nothing was built
    dvc_repro(workspace)
    shutil.rmtree(workspace.stage("ingest"))
    assert find_damaged_outputs(workspace, ["ingest"]) == []
