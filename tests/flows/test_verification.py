import hashlib
import os
import shutil
from pathlib import Path

import pytest
from dvc_commands import dvc

from flows.verification import find_damaged_outputs, verify_cache, verify_outputs
from stages.engine.storage import digests
from stages.engine.workspace import FactoryError, Workspace


def dvc_repro(workspace: Workspace) -> None:
    dvc(workspace.root, "repro", "ingest")


def test_verifying_before_the_first_build_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(FactoryError, match="flawfactory build"):
        verify_outputs(workspace)


def test_changed_added_and_missing_files_are_found(workspace: Workspace) -> None:
    dvc_repro(workspace)
    folder = workspace.stage("ingest")
    assert verify_outputs(workspace) == []
    file = folder / "out.txt"
    times = file.stat()
    file.write_text("photoz")  # keeps size and time, so that DVC does not notice
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


def test_without_a_cached_listing_the_folder_is_named(workspace: Workspace) -> None:
    dvc_repro(workspace)
    for listing in (workspace.root / ".dvc" / "cache").rglob("*.dir"):
        listing.unlink()
    (workspace.stage("ingest") / "out.txt").write_text("other")
    assert [f.path for f in verify_outputs(workspace)] == [workspace.stage("ingest")]


def cached(workspace: Workspace, suffix: str = "") -> Path:
    """Return the only cached file or listing of a build that ran only ingest."""
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
    assert verify_cache(workspace) == []  # a missing object is not damaged


def test_an_unchanged_output_is_hashed_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))  # treat files just written as settled
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


def test_a_missing_output_is_not_damaged(workspace: Workspace) -> None:
    assert find_damaged_outputs(workspace, ["ingest"]) == []  # before any build
    dvc_repro(workspace)
    shutil.rmtree(workspace.stage("ingest"))
    assert find_damaged_outputs(workspace, ["ingest"]) == []
