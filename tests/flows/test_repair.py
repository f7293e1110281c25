import json
import os
import shutil
from pathlib import Path

import pytest
from dvc_commands import dvc

from flows import pipeline, repair, steps
from flows.cache import ObjectCache, md5
from flows.verification import locked_outputs, verify_cache, verify_outputs
from stages.engine.storage.tables import output_digest
from stages.engine.workspace import FactoryError, Workspace


def run(workspace: Workspace) -> list[str]:
    lines: list[str] = []
    code = repair.run_stage(workspace, "ingest", 60.0, lines.append, lambda progress: None)
    assert code == 0, lines
    return lines


def flip_bit(path: Path) -> None:
    """Change a byte but nothing that DVC compares."""
    mode, times = path.stat().st_mode, path.stat()
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    path.chmod(mode)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def output(workspace: Workspace) -> Path:
    return workspace.stage("ingest") / "out.txt"


def copies(workspace: Workspace) -> dict[str, Path]:
    """Return the cached file and listing of ingest."""
    [out] = [out for out in locked_outputs(workspace) if out.stage == "ingest"]
    cache = ObjectCache.of(workspace)
    return {"file": cache.path(md5(output(workspace))), "listing": cache.path(out.digest)}


def is_repaired(workspace: Workspace) -> bool:
    found = verify_outputs(workspace) + verify_cache(workspace)
    return not found and output(workspace).read_text() == "photos"


@pytest.mark.parametrize(
    ("link", "which"),
    [("copy", "file"), ("hardlink", "file"), ("symlink", "file"), ("reflink,copy", "listing")],
)
def test_a_damaged_cached_copy_is_not_restored(workspace: Workspace, link: str, which: str) -> None:
    dvc(workspace.root, "config", "cache.type", link)
    run(workspace)
    flip_bit(copies(workspace)[which])
    shutil.rmtree(workspace.stage("ingest"))
    run(workspace)
    assert is_repaired(workspace)


def test_a_damaged_output_restored_by_dvc_is_found_and_replaced(workspace: Workspace) -> None:
    run(workspace)
    flip_bit(copies(workspace)["file"])
    shutil.rmtree(workspace.stage("ingest"))
    dvc(workspace.root, "repro", "--single-item", "ingest")
    assert output(workspace).read_text() != "photos"  # DVC does not read the files it links
    assert "ingest" not in pipeline.find_stale(workspace)
    [reason] = repair.find_stale_or_damaged(workspace)["ingest"]
    assert "damaged" in reason and str(output(workspace)) in reason
    assert any("replaced" in line and str(output(workspace)) in line for line in run(workspace))
    assert is_repaired(workspace)


def test_a_damaged_cached_copy_is_replaced_by_the_output(workspace: Workspace) -> None:
    run(workspace)
    flip_bit(copies(workspace)["file"])
    flip_bit(copies(workspace)["listing"])
    assert repair.repair(workspace, ["ingest"]) == []
    assert is_repaired(workspace)


def test_an_intact_copy_of_the_remote_replaces_damaged_files(
    workspace: Workspace, tmp_path: Path
) -> None:
    run(workspace)
    dvc(workspace.root, "remote", "add", "-d", "shelf", str(tmp_path / "shelf"))
    dvc(workspace.root, "push")
    damaged = copies(workspace)
    for path in damaged.values():
        flip_bit(path)
    output(workspace).write_text("photoz")
    assert repair.repair(workspace, ["ingest"]) == []
    assert is_repaired(workspace)
    # Files from a remote are checked too.
    [pushed] = [p for p in (tmp_path / "shelf").rglob("*") if p.name == damaged["file"].name]
    flip_bit(pushed)
    flip_bit(damaged["file"])
    output(workspace).unlink()
    assert repair.repair(workspace, ["ingest"]) == ["ingest"]
    assert not damaged["file"].exists()
    run(workspace)
    assert is_repaired(workspace)


def test_damage_that_persists_is_an_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace)

    cached, attempts = copies(workspace)["file"], []

    def bad_disk(*_: object) -> int:
        attempts.append(1)
        for path in (output(workspace), cached):
            path.unlink(missing_ok=True)
            path.write_text("photoz")
        return 0

    monkeypatch.setattr(pipeline, "run_stage", bad_disk)
    with pytest.raises(FactoryError, match="check the disk"):
        run(workspace)
    assert len(attempts) == 2  # it was made anew once


def test_a_stage_with_photos_to_try_again_runs_although_dvc_calls_it_up_to_date(
    workspace: Workspace,
) -> None:
    assert steps.run(workspace, "ingest", lambda line: None).code == 0
    assert "ingest" not in repair.find_stale_or_damaged(workspace)
    output = output_digest(workspace.stage("ingest"))
    run = {"output": output, "try_again": {"file_missing": 3}}
    workspace.reports.mkdir(exist_ok=True)
    (workspace.reports / "ingest.json").write_text(json.dumps(run))
    words = ["photos to try again: 3 file_missing"]
    assert repair.find_stale_or_damaged(workspace)["ingest"] == words
    lines: list[str] = []
    assert steps.run(workspace, "ingest", lines.append).code == 0
    assert "ingest speaks" in lines
