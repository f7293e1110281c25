import json
from pathlib import Path

import pytest
from dvc_commands import dvc
from typer.testing import CliRunner, Result

from flows.cache import ObjectCache, md5
from flows.cli import app
from flows.comparison.versions import open_version
from flows.published.verify import verify_copy
from flows.release import release as steps
from stages.engine.workspace import FactoryError, Workspace

from .conftest import PHOTOS, commit, git, write_sources

pytestmark = pytest.mark.slow


def release(*words: str) -> Result:
    return CliRunner().invoke(app, ["release", *words], env={"COLUMNS": "500"})


def tags(workspace: Workspace) -> str:
    return git(workspace.root, "tag")


def objects(shelf: Path) -> set[str]:
    return {path.parent.name + path.name for path in shelf.rglob("*") if path.is_file()}


def withdraw_a_photo(workspace: Workspace) -> None:
    """Make the next version, with a photo less."""
    write_sources(workspace, withdrawn=PHOTOS[1])
    dvc(workspace.root, "repro", "-q")
    commit(workspace.root, "without a photo")


def test_a_rehearsal_changes_nothing(checkout: Workspace, shelf: Path) -> None:
    head = git(checkout.root, "rev-parse", "HEAD")
    done = release("v2", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "v2 can be released: 8 pairs" in done.output and "## v2 (" in done.output
    assert "files would be pushed to shelf" in done.output
    assert (git(checkout.root, "rev-parse", "HEAD"), tags(checkout)) == (head, "")
    assert git(checkout.root, "status", "--porcelain") == "" and not shelf.exists()


def test_all_that_is_wrong_is_said_at_once(checkout: Workspace) -> None:
    (checkout.root / "new.py").touch()
    done = release("v1")
    assert done.exit_code == 2
    assert "not committed: new.py" in done.output
    assert "no default DVC remote: add one with `dvc remote add --default NAME URL`" in done.output
    assert "no DVC remote shelf; known: none" in release("v1", "--remote", "shelf").output
    assert "leave out --no-push" in release("v1", "--no-push", "--remote", "shelf").output


def test_damage_is_found_before_anything_is_changed(checkout: Workspace, shelf: Path) -> None:
    shard = checkout.stage("package") / "train-00000.tar"
    cached = ObjectCache.of(checkout).path(md5(shard))
    cached.chmod(0o644)
    cached.write_bytes(cached.read_bytes()[:-1] + b"X")
    cached.chmod(0o444)
    done = release("v1")
    assert done.exit_code == 2
    assert "train-00000.tar is damaged: `flawfactory verify --repair`" in done.output
    assert tags(checkout) == "" and not shelf.exists()


def test_a_release_is_pushed_and_tagged_and_the_next_one_compared(
    checkout: Workspace, shelf: Path
) -> None:
    done = release("v1", "--json")
    assert done.exit_code == 0, done.output
    first = json.loads(done.output)
    assert (first["pairs"], first["previous"], first["remote"]) == (8, None, "shelf")
    assert first["pushed"] == len(objects(shelf)) > 0
    assert git(checkout.root, "cat-file", "-t", "v1") == "tag"
    assert git(checkout.root, "rev-parse", "v1^{commit}") == first["commit"]
    assert git(checkout.root, "status", "--porcelain") == ""

    withdraw_a_photo(checkout)
    done = release("v2")
    assert done.exit_code == 0, done.output
    assert "released v2: 6 pairs" in done.output and "share it: git push origin HEAD v2" in (
        done.output
    )
    text = (checkout.root / "CHANGELOG.md").read_text()
    assert text.index("## v2 (") < text.index("## v1 (")
    assert "0 added, 2 removed, 0 changed, 6 unchanged; photos: 0 added, 1 removed" in text
    assert "Version v2." in (checkout.stage("package") / "README.md").read_text()
    assert "version: v2  # set by a release" in git(checkout.root, "show", "v2:params.yaml")
    assert "0 added, 2 removed" in git(checkout.root, "tag", "-n9", "v2")
    assert git(checkout.root, "log", "-1", "--format=%s") == "Release v2"
    assert git(checkout.root, "status", "--porcelain") == ""


@pytest.mark.parametrize("broken", ["add", "commit", "tag"])
def test_a_failing_git_command_is_resumed(
    checkout: Workspace, shelf: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    run = steps.Git.run

    def fail(self: steps.Git, *words: str) -> str:
        if words[0] == broken and words[1] != "--merged":
            raise FactoryError("git: no space left on device")
        return run(self, *words)

    with monkeypatch.context() as patch:
        patch.setattr(steps.Git, "run", fail)
        assert release("v1").exit_code == 2
    assert tags(checkout) == ""
    done = release("v1", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["pushed"] == 0
    assert (checkout.root / "CHANGELOG.md").read_text().count("## v1 (") == 1
    assert tags(checkout) == "v1" and git(checkout.root, "status", "--porcelain") == ""


def test_a_release_without_a_push_is_pushed_by_the_same_command(
    checkout: Workspace, shelf: Path
) -> None:
    done = release("v1", "--no-push")
    assert done.exit_code == 0 and "not pushed: `dvc push`" in done.output
    head = git(checkout.root, "rev-parse", "v1^{commit}")
    assert not shelf.exists()
    assert release("v1", "--only-package").exit_code == 0
    package = objects(shelf)
    assert md5(checkout.stage("package") / "manifest.parquet") in package
    assert md5(checkout.stage("ingest") / "manifest.parquet") not in package
    assert release("v1", "--remote", "shelf").exit_code == 0
    assert md5(checkout.stage("ingest") / "manifest.parquet") in objects(shelf)
    assert git(checkout.root, "rev-parse", "HEAD", "v1^{commit}").split() == [head, head]


def test_what_neither_cache_nor_remote_has_is_not_released(
    checkout: Workspace, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.pipeline.find_stale", lambda workspace: {})
    ObjectCache.of(checkout).path(md5(checkout.stage("map") / "metrics.json")).unlink()
    done = release("v1")
    assert done.exit_code == 2 and tags(checkout) == ""
    assert "neither in DVC's cache nor in the remote" in done.output


def test_notes_that_were_written_before_stay(checkout: Workspace, shelf: Path) -> None:
    (checkout.root / "CHANGELOG.md").write_text("# Ours\n\n## v1\n\nHand-written.\n")
    commit(checkout.root)
    assert release("v1", "--no-push").exit_code == 0
    assert (checkout.root / "CHANGELOG.md").read_text() == "# Ours\n\n## v1\n\nHand-written.\n"
    assert tags(checkout) == "v1"


def test_a_release_of_another_schema_is_not_compared(
    checkout: Workspace, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert release("v1", "--no-push").exit_code == 0
    withdraw_a_photo(checkout)
    real = open_version

    def refuse(*words: object) -> object:
        from flows.records import check_version

        if words[1] == "refs/tags/v1":
            check_version(1, "the manifest of v1")
        return real(*words)

    monkeypatch.setattr("flows.release.checks.open_version", refuse)
    assert release("v2", "--no-push").exit_code == 0
    assert (
        "Not compared with v1: the manifest of v1 has schema version 1"
        in (checkout.root / "CHANGELOG.md").read_text()
    )


def test_consumers_get_import_and_update_releases(
    checkout: Workspace, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert release("v1").exit_code == 0
    consumer = tmp_path / "consumer"
    consumer.mkdir()
    git(consumer, "init", "-q")
    dvc(consumer, "init", "-q")
    repository = str(checkout.root)
    dvc(consumer, "get", "-q", repository, "data/package", "--rev", "v1", "-o", "copy")
    words = ("data/package", "--rev", "v1", "-o", "flaws")
    dvc(consumer, "import", "-q", repository, *words)
    for folder in ("copy", "flaws"):
        assert verify_copy(str(consumer / folder)) == (8, [])

    withdraw_a_photo(checkout)
    assert release("v2").exit_code == 0
    dvc(consumer, "update", "-q", "--rev", "v2", "flaws.dvc")
    assert verify_copy(str(consumer / "flaws")) == (6, [])
    assert "Version v2." in (consumer / "flaws" / "README.md").read_text()
    assert verify_copy(str(consumer / "copy")) == (8, [])
    monkeypatch.chdir(tmp_path)
    dvc(consumer, "get", "-q", repository, "data/package", "--rev", "v1", "-o", "again")
    assert verify_copy(str(consumer / "again")) == (8, [])
