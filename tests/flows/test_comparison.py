import subprocess
from pathlib import Path

import pytest
from dvc_commands import dvc

from flows.cache import ObjectCache, md5
from flows.comparison import compare, read_pairs
from stages.engine.storage.tables import write_table
from stages.engine.workspace import FactoryError, Workspace


def test_pairs_are_added_removed_changed_or_same() -> None:
    before = {
        "a": {"pair": "a", "shard": "0", "tool": "add"},
        "b": {"pair": "b", "shard": "0", "tool": "add"},
        "c": {"pair": "c", "shard": "0", "tool": "add"},
    }
    after = {
        "b": {"pair": "b", "shard": "9", "tool": "add"},
        "c": {"pair": "c", "shard": "0", "tool": "fuse", "lpips": 0.2},
        "d": {"pair": "d", "shard": "0", "tool": "add"},
    }
    found = compare(before, after)
    assert (found.added, found.removed, found.same) == (["d"], ["a"], 1)
    assert found.changed == {"c": ["lpips", "tool"]}


def test_versions_are_read_from_folders_and_files(tmp_path: Path) -> None:
    rows = [{"pair": "a", "tool": "add"}]
    write_table(tmp_path / "manifest.parquet", rows)
    for version in (tmp_path, tmp_path / "manifest.parquet"):
        assert read_pairs(Workspace(tmp_path), str(version)) == {"a": rows[0]}


def test_a_revision_is_read_from_dvcs_cache_and_checked(workspace: Workspace) -> None:
    folder = workspace.stage("package")
    write_table(folder / "manifest.parquet", rows := [{"pair": "a", "text": "one"}])
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (workspace.root / "dvc.yaml").unlink()
    dvc(workspace.root, "add", "-q", "data/package")
    for command in (
        [*git, "add", "."],
        [*git, "commit", "-qm", "first"],
    ):
        subprocess.run(command, cwd=workspace.root, check=True, capture_output=True)
    assert read_pairs(workspace, "HEAD") == {"a": rows[0]}
    cached = ObjectCache.of(workspace).path(md5(folder / "manifest.parquet"))
    cached.chmod(0o644)
    cached.write_bytes(cached.read_bytes().replace(b"one", b"two"))
    with pytest.raises(FactoryError, match="damaged in DVC's cache"):
        read_pairs(workspace, "HEAD")


def test_an_unknown_version_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(FactoryError, match="no-such-tag is neither a folder nor a revision"):
        read_pairs(workspace, "no-such-tag")
