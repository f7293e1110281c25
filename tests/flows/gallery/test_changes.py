import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from dvc_commands import dvc
from tables import write_rows

from flows.cache import ObjectCache
from flows.gallery.changes import Changes, compare_with_last, find_last_version
from stages.engine.workspace import Workspace
from stages.records.documents import SCHEMA_VERSION


def build(workspace: Workspace, texts: dict[str, str]) -> None:
    """Write a package with these pairs, add it to DVC's cache and record it in dvc.lock."""
    rows = [
        {"schema_version": SCHEMA_VERSION, "pair": pair, "variant": "v0", "key": pair, "text": text}
        for pair, text in texts.items()
    ]
    write_rows(workspace.stage("package") / "manifest.parquet", rows)
    (workspace.root / "dvc.yaml").write_text(
        "stages:\n  package:\n    cmd: x\n    outs: [data/package]\n"
    )
    (workspace.root / "dvc.lock").unlink(missing_ok=True)
    dvc(workspace.root, "commit", "-qf")


def git(workspace: Workspace, *words: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
    subprocess.run(command, cwd=workspace.root, check=True, capture_output=True)


def commit(workspace: Workspace) -> None:
    git(workspace, "add", ".")
    git(workspace, "commit", "-qm", "a version")


@pytest.fixture
def built(workspace: Workspace) -> Workspace:
    """A checkout with a committed version of three pairs."""
    build(workspace, {"a": "one", "b": "two", "c": "three"})
    commit(workspace)
    return workspace


def test_a_first_version_has_none_before(workspace: Workspace) -> None:
    assert compare_with_last(workspace) == Changes()
    build(workspace, {"a": "one"})
    assert compare_with_last(workspace) == Changes()
    commit(workspace)
    assert compare_with_last(workspace) == Changes()


def test_added_and_changed_pairs_are_named_before_and_after_the_commit(built: Workspace) -> None:
    build(built, {"a": "one", "b": "2", "d": "four"})
    first = compare_with_last(built)
    assert first.codes == {"b": 2, "d": 1}
    assert "1 added, 1 removed, 1 changed, 1 unchanged" in first.summary
    assert first.tables[0]["title"] == "what changed" and first.tables[0]["all"] == 3
    commit(built)
    assert compare_with_last(built).codes == first.codes


def test_a_tag_is_named_in_place_of_its_commit(built: Workspace) -> None:
    git(built, "tag", "v1")
    build(built, {"a": "1"})
    assert find_last_version(built) == "v1"


def test_a_version_that_is_not_in_the_cache_is_not_fetched(built: Workspace) -> None:
    git(built, "tag", "v1")
    root = ObjectCache.of(built).root
    for path in [path for path in root.rglob("*") if path.is_file()]:
        path.chmod(0o644)
        path.unlink()
    build(built, {"a": "1"})
    found = compare_with_last(built)
    assert "dvc fetch" in found.summary and found.codes == {} and found.tables == []


def test_without_git_there_is_no_last_version(built: Workspace, tmp_path: Path) -> None:
    (built.root / ".git").rename(tmp_path / "git")
    assert compare_with_last(built) == Changes()


def test_a_version_whose_tables_cannot_be_compared_does_not_fail_the_page(
    built: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise pa.ArrowInvalid("another type")

    git(built, "tag", "v1")
    build(built, {"a": "1"})
    monkeypatch.setattr("flows.gallery.changes.make_report", fail)
    assert compare_with_last(built) == Changes("v1", "v1 cannot be compared: another type")
