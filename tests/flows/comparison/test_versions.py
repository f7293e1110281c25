import shutil
import subprocess
from pathlib import Path

import pytest
from dvc_commands import dvc
from tables import write_rows

from flows.cache import ObjectCache, md5
from flows.comparison.versions import open_version
from stages.engine.workspace import FactoryError, Workspace
from stages.records.documents import SCHEMA_VERSION


def make_row(pair: str, **columns: object) -> dict[str, object]:
    return {"schema_version": SCHEMA_VERSION, "key": pair, "pair": pair, "variant": "v0", **columns}


def read(workspace: Workspace | None, name: str | None) -> list[dict]:
    return open_version(workspace, name).manifest().read().to_pylist()


def commit(root: Path, words: str) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in ([*git, "add", "."], [*git, "commit", "-qm", words]):
        subprocess.run(command, cwd=root, check=True, capture_output=True)


@pytest.fixture
def committed(workspace: Workspace) -> Workspace:
    """A checkout whose package folder is in DVC, with one committed version."""
    write_rows(workspace.stage("package") / "manifest.parquet", [make_row("a", text="one")])
    (workspace.root / "dvc.yaml").unlink()
    dvc(workspace.root, "add", "-q", "data/package")
    commit(workspace.root, "first")
    return workspace


def test_a_data_folder_a_package_and_the_workspace_are_versions(
    workspace: Workspace, tmp_path: Path
) -> None:
    rows = [make_row("a")]
    write_rows(workspace.stage("package") / "manifest.parquet", rows)
    write_rows(tmp_path / "copy" / "manifest.parquet", rows)
    for name in (
        None,
        str(workspace.data),
        str(workspace.stage("package")),
        str(tmp_path / "copy"),
    ):
        assert read(workspace, name) == rows
    assert read(None, str(tmp_path / "copy")) == rows


def test_a_package_beside_the_other_stages_is_a_version_with_their_tables(
    workspace: Workspace,
) -> None:
    write_rows(workspace.stage("package") / "manifest.parquet", [make_row("a")])
    write_rows(workspace.stage("ingest") / "photos.parquet", [{"key": "k"}])
    found = open_version(None, str(workspace.stage("package"))).table("ingest", "photos.parquet")
    assert found is not None and found.metadata.num_rows == 1


def test_a_revision_is_read_from_dvcs_cache_and_checked(committed: Workspace) -> None:
    assert read(committed, "HEAD") == [make_row("a", text="one")]
    manifest = committed.stage("package") / "manifest.parquet"
    cached = ObjectCache.of(committed).path(md5(manifest))
    cached.chmod(0o644)
    cached.write_bytes(cached.read_bytes().replace(b"one", b"two"))
    with pytest.raises(FactoryError, match="damaged in DVC's cache"):
        read(committed, "HEAD")


def test_a_revision_is_read_from_the_remote_or_fetched(
    committed: Workspace, tmp_path: Path
) -> None:
    dvc(committed.root, "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    commit(committed.root, "remote")
    dvc(committed.root, "push", "-q")
    cache = committed.root / ".dvc" / "cache"
    shutil.rmtree(cache)
    assert read(committed, "HEAD") == [make_row("a", text="one")]
    shutil.rmtree(cache, ignore_errors=True)
    dvc(committed.root, "fetch", "-q", "--all-commits")
    manifest = committed.stage("package") / "manifest.parquet"
    assert ObjectCache.of(committed).path(md5(manifest)).is_file()


def test_a_revision_whose_data_is_gone_says_what_to_type(committed: Workspace) -> None:
    manifest = committed.stage("package") / "manifest.parquet"
    cached = ObjectCache.of(committed).path(md5(manifest))
    cached.chmod(0o644)
    cached.unlink()
    with pytest.raises(FactoryError, match="`dvc fetch --all-commits`"):
        read(committed, "HEAD")
    shutil.rmtree(committed.root / ".dvc" / "cache")
    with pytest.raises(FactoryError, match="`dvc fetch --all-commits`"):
        read(committed, "HEAD")


def test_an_unknown_version_is_an_error(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="no-such-tag is neither a folder nor a git revision"):
        open_version(workspace, "no-such-tag")
    with pytest.raises(FactoryError, match="this is no flawfactory checkout"):
        open_version(None, "v1")
    with pytest.raises(FactoryError, match="name two folders"):
        open_version(None, None)
    with pytest.raises(FactoryError, match="is no data set"):
        open_version(None, str(tmp_path)).manifest()


def test_a_manifest_of_another_version_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "manifest.parquet", [{"schema_version": 1, "pair": "a"}])
    with pytest.raises(FactoryError, match=r"schema version 1, .* reads 2 and 3") as error:
        read(None, str(tmp_path))
    assert "\n" not in str(error.value)
    (tmp_path / "manifest.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(FactoryError, match="is damaged"):
        read(None, str(tmp_path))


def test_a_shallow_clone_says_how_to_get_the_history(committed: Workspace, tmp_path: Path) -> None:
    (committed.root / "more").write_text("more")
    commit(committed.root, "second")
    clone = ["git", "clone", "-q", "--no-local", "--depth", "1", str(committed.root), "shallow"]
    subprocess.run(clone, cwd=tmp_path, check=True, capture_output=True)
    with pytest.raises(FactoryError, match="shallow clone, `git fetch --unshallow --tags`"):
        open_version(Workspace(tmp_path / "shallow"), "HEAD~1")


def test_data_that_is_not_pulled_yet_says_what_to_type(workspace: Workspace) -> None:
    with pytest.raises(FactoryError, match="yet: run `flawfactory build`"):
        read(workspace, None)
    (workspace.root / "dvc.lock").write_text("stages: {}\n")
    with pytest.raises(FactoryError, match="`dvc pull` or `flawfactory build`"):
        read(workspace, None)


def test_a_revision_without_a_data_set_is_named(committed: Workspace) -> None:
    (committed.root / "data" / "package.dvc").unlink()
    commit(committed.root, "removed")
    with pytest.raises(FactoryError, match=r"HEAD has no .*, and its dvc.lock names none"):
        read(committed, "HEAD")


def test_a_table_that_is_no_manifest_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "manifest.parquet", [{"schema_version": SCHEMA_VERSION, "pair": "a"}])
    with pytest.raises(FactoryError, match="has no column key, variant: it is not that of"):
        read(None, str(tmp_path))


def test_damaged_metrics_are_named(tmp_path: Path) -> None:
    (tmp_path / "filter").mkdir()
    for text in ("{", "[" * 200_000):
        (tmp_path / "filter" / "metrics.json").write_text(text)
        with pytest.raises(FactoryError, match=r"filter/metrics.json of .* is damaged"):
            open_version(None, str(tmp_path)).metrics("filter")


def test_a_table_without_a_column_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "manifest.parquet", [{"schema_version": SCHEMA_VERSION}])
    table = open_version(None, str(tmp_path)).table("package", "manifest.parquet")
    assert table is not None
    with pytest.raises(FactoryError, match=r"package/manifest.parquet of .* has no column code"):
        table.read(columns=["schema_version", "code"])
