import shutil
from pathlib import Path

import pytest
from dvc_commands import dvc

from flows.release import checks
from flows.release.checks import check_data, check_git, find_previous, is_interrupted, is_released
from flows.release.git import Git
from flows.release.version import Name, set_name
from stages.engine.workspace import FactoryError, Workspace

from .conftest import commit, git, write_gate_report, write_sources

pytestmark = pytest.mark.slow


def problems(workspace: Workspace, version: str = "v1") -> list[str]:
    return [*check_git(Git(workspace.root), version)]


def unready(workspace: Workspace, version: str = "v1") -> list[str]:
    return [*check_data(workspace, version)]


def test_a_committed_checkout_is_ready(checkout: Workspace) -> None:
    assert problems(checkout) == [] and unready(checkout) == []
    git(checkout.root, "checkout", "-q", "--detach")
    assert problems(checkout) == []


def test_a_dirty_tree_is_refused(checkout: Workspace) -> None:
    (checkout.root / "params.yaml").open("a").write("# a note\n")
    (checkout.root / "new ü.py").touch()
    (line,) = problems(checkout)
    assert line.startswith("not committed: params.yaml, new ü.py: `git add`")


@pytest.mark.parametrize("name", ["", "a b", "-d", "HEAD", "v1..2", "v~1", "x" * 101, "v\n1", "@{"])
def test_a_name_that_is_no_tag_is_refused(checkout: Workspace, name: str) -> None:
    (line,) = problems(checkout, name)
    assert "is no valid git tag" in line


@pytest.mark.parametrize("name", ["v1", "1.0.0-rc.1+build", "data/v1", "größer"])
def test_other_names_are_tags(checkout: Workspace, name: str) -> None:
    assert problems(checkout, name) == []


def test_a_tag_that_exists_is_refused_unless_it_is_this_release(checkout: Workspace) -> None:
    git(checkout.root, "tag", "-a", "v1", "-m", "x")
    git(checkout.root, "tag", "other")
    assert problems(checkout, "v1") == [] and is_released(Git(checkout.root), "v1")
    assert "tag other exists already" in problems(checkout, "other")[0]
    (checkout.root / "stage.py").touch()
    assert "not committed: stage.py" in problems(checkout, "v1")[0]
    commit(checkout.root)
    assert "tag v1 exists already" in problems(checkout, "v1")[0]


def test_a_shallow_clone_is_refused(checkout: Workspace, tmp_path: Path) -> None:
    commit_two = checkout.root / "two"
    commit_two.touch()
    commit(checkout.root)
    url = f"file://{checkout.root}"
    git(tmp_path, "clone", "-q", "--depth", "1", url, "shallow")
    (line,) = problems(Workspace(tmp_path / "shallow"))
    assert "shallow" in line and "git fetch --unshallow --tags" in line


def test_a_folder_without_git_or_commits_is_refused(checkout: Workspace) -> None:
    shutil.rmtree(checkout.root / ".git")
    with pytest.raises(FactoryError, match="is no git repository"):
        problems(checkout)
    git(checkout.root, "init", "-q")
    assert "nothing is committed yet" in problems(checkout)[0]


def test_files_that_git_ignores_are_named(checkout: Workspace) -> None:
    (checkout.root / ".gitignore").open("a").write("dvc.lock\n")
    git(checkout.root, "rm", "-q", "--cached", "dvc.lock")
    commit(checkout.root)
    assert problems(checkout) == [
        "git ignores dvc.lock: `git add --force dvc.lock`, then `git commit`"
    ]


def test_an_unknown_committer_is_named(
    checkout: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git(checkout.root, "config", "--unset", "user.name")
    git(checkout.root, "config", "--unset", "user.email")
    git(checkout.root, "config", "user.useConfigOnly", "true")
    assert "git config user.name" in problems(checkout)[0]


def test_what_an_interrupted_release_leaves_is_recognised(checkout: Workspace) -> None:
    repository, params = Git(checkout.root), checkout.root / "params.yaml"
    committed = params.read_text()
    params.write_text(set_name(committed, Name("v2", "2026-11-26")))
    changed = repository.changed_files()
    assert is_interrupted(repository, "v2", changed)
    assert not is_interrupted(repository, "v3", changed)
    assert not is_interrupted(repository, "v2", [*changed, "stage.py"])
    assert unready(checkout, "v2") == []
    (line,) = unready(checkout, "v3")
    assert line.startswith("package is out of date (package.published: 2026-11-01 -> 2026-11-26, ")
    assert "package.version: v1 -> v2" in line
    lock = checkout.root / "dvc.lock"
    lock.write_text(lock.read_text().replace("data/map\n", "data/mop\n"))
    assert not is_interrupted(repository, "v2", repository.changed_files())
    params.write_text(set_name(committed, Name("v2", "2026-11-26")) + "# more\n")
    assert not is_interrupted(repository, "v2", changed)


def test_data_that_were_not_pulled_are_named(checkout: Workspace) -> None:
    shutil.rmtree(checkout.stage("map"))
    assert unready(checkout) == ["data/map: is not here: get it with `dvc pull`"]
    dvc(checkout.root, "checkout", "-q")
    shutil.rmtree(checkout.sources)
    assert unready(checkout) == ["data/sources is not here: get it with `dvc pull`"]


def test_what_is_out_of_date_is_named(checkout: Workspace) -> None:
    write_sources(checkout, licence="MIT")
    (line,) = unready(checkout)
    assert line.startswith("package is out of date (data/sources/words modified")
    assert "`flawfactory build`" in line
    assert problems(checkout)[0].startswith("not committed: data/sources.dvc")


def test_a_failed_gate_is_named(checkout: Workspace) -> None:
    write_gate_report(checkout, "filter", "too many rejects")
    assert unready(checkout) == [
        "the gate of filter failed: too many rejects: `flawfactory status`"
    ]


def test_the_release_before_is_the_one_that_params_name(checkout: Workspace) -> None:
    repository = Git(checkout.root)
    assert find_previous(repository, "v1") is None
    git(checkout.root, "tag", "v1")
    git(checkout.root, "tag", "later")
    assert find_previous(repository, "v2") == "v1"
    assert find_previous(repository, "v1") == "later"
    git(checkout.root, "tag", "-d", "later")
    git(checkout.root, "rm", "-q", "dvc.lock")
    commit(checkout.root)
    git(checkout.root, "tag", "code-only")
    assert find_previous(repository, "v2") == "v1"


def test_the_release_before_must_be_readable(checkout: Workspace) -> None:
    git(checkout.root, "tag", "v1")
    assert [*checks.check_previous(checkout, "v1")] == []
    manifest = checkout.stage("package") / "manifest.parquet"
    from flows.cache import ObjectCache, md5

    cached = ObjectCache.of(checkout).path(md5(manifest))
    cached.unlink()
    (line,) = checks.check_previous(checkout, "v1")
    assert "dvc fetch" in line or "dvc pull" in line
