import subprocess
from pathlib import Path

import pytest
from dvc_commands import dvc

from flows.cache import ObjectCache, md5
from flows.comparison import Pairs, compare, read_pairs
from stages.engine.storage.tables import write_table
from stages.engine.workspace import FactoryError, Workspace
from stages.records.documents import SCHEMA_VERSION


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
    rows = [{"schema_version": SCHEMA_VERSION, "pair": "a", "variant": "v0", "tool": "add"}]
    write_table(tmp_path / "manifest.parquet", rows)
    for version in (tmp_path, tmp_path / "manifest.parquet"):
        assert read_pairs(Workspace(tmp_path), str(version)) == {"a": rows[0]}


def test_the_flaws_of_a_pair_are_compared_as_one(tmp_path: Path) -> None:
    rows = [make_row("a", "v0", text="one"), make_row("a", "v1", text="two"), make_row("b", "v2")]
    changed = [*rows[:1], make_row("a", "v1", text="three"), *rows[2:]]
    write_table(tmp_path / "one.parquet", rows)
    write_table(tmp_path / "two.parquet", changed)
    before, after = (
        read_pairs(Workspace(tmp_path), str(tmp_path / f"{name}.parquet"))
        for name in ("one", "two")
    )
    assert before["a"]["v0.text"] == "one" and before["a"]["licence"] == "CC0-1.0"
    found = compare(before, after)
    assert (found.added, found.removed, found.same) == ([], [], 1)
    assert found.changed == {"a": ["v1.text"]}
    taken_out = compare(before, read_pairs_of(tmp_path, rows[1:]))
    assert "v0.text" in taken_out.changed["a"]


def test_a_manifest_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    write_table(tmp_path / "manifest.parquet", [{"schema_version": 1, "pair": "a"}])
    with pytest.raises(FactoryError, match=r"schema version 1, .* reads 2") as error:
        read_pairs(Workspace(tmp_path), str(tmp_path))
    assert "\n" not in str(error.value)


def make_row(pair: str, variant: str, **columns: str) -> dict[str, object]:
    shared = {"schema_version": SCHEMA_VERSION, "licence": "CC0-1.0", "text": "t"}
    return {"pair": pair, "variant": variant, **shared, **columns}


def read_pairs_of(folder: Path, rows: list[dict[str, object]]) -> Pairs:
    write_table(folder / "rows.parquet", rows)
    return read_pairs(Workspace(folder), str(folder / "rows.parquet"))


def test_a_revision_is_read_from_dvcs_cache_and_checked(workspace: Workspace) -> None:
    folder = workspace.stage("package")
    write_table(folder / "manifest.parquet", rows := [make_row("a", "v0", text="one")])
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
