"""Share a data set: one person pushes it, another clones, pulls and continues."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from dvc_commands import dvc
from PIL import Image
from typer.testing import CliRunner

from flows import pipeline
from flows.cli import app
from flows.sources import update_source_list
from stages.engine.storage.source_list import PHOTOS, WORDS
from stages.engine.workspace import Workspace

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits, and the interpreter of the stages."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    values = {"PATH": path, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
              "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(root: Path) -> None:
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "version")


def declare_dependencies(root: Path) -> None:
    """Make the toy stages depend on params and on the source list's halves as in dvc.yaml."""
    content = yaml.safe_load((root / "dvc.yaml").read_text())
    content["stages"]["filter"]["params"] = ["filter"]
    ingest, package = content["stages"]["ingest"], content["stages"]["package"]
    ingest["deps"] = [f"data/sources/{PHOTOS}"]
    ingest["cmd"] = f"python stage.py ingest data/sources/{PHOTOS}/00000.jsonl"
    package["deps"].append(f"data/sources/{WORDS}")
    (root / "dvc.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (root / "params.yaml").write_text("filter: {lpips: {low: 0.1}}\n")
    shutil.copy(ROOT / ".gitignore", root)  # DVC finds sources.dvc if git does not ignore it


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "Pictures"
    folder.mkdir()
    Image.new("RGB", (160, 160), "teal").save(folder / "photo.png")
    return folder


@pytest.fixture
def built_and_pushed(workspace: Workspace, pictures: Path, tmp_path: Path) -> Workspace:
    """A data set that the first person built, committed and pushed."""
    workspace.sources.unlink()
    declare_dependencies(workspace.root)
    update_source_list(workspace, [pictures])
    dvc(workspace.root, "repro", "-q")
    dvc(workspace.root, "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    commit(workspace.root)
    dvc(workspace.root, "push", "-q")
    return workspace


@pytest.fixture
def clone(
    built_and_pushed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """The second person's clone, without photos and store, not pulled yet."""
    root, hub = tmp_path / "clone", tmp_path / "hub.git"
    # Use a plain path: DVC's experiments read URLs of remotes as ASCII.
    run(tmp_path, "git", "clone", "-q", "--bare", str(built_and_pushed.root), str(hub))
    run(tmp_path, "git", "clone", "-q", str(hub), str(root))
    (tmp_path / "Pictures").rename(tmp_path / "away")
    monkeypatch.chdir(root)
    return Workspace(root)


def flawfactory(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "500"})
    return done.output


def test_a_clone_continues_from_the_pushed_version(clone: Workspace, tmp_path: Path) -> None:
    for command in ("build", "status", "plan"):
        assert "dvc pull" in flawfactory(command)
    assert not clone.sources.exists()
    dvc(clone.root, "pull", "-q")
    assert "up to date" in flawfactory("build")

    # A changed value: only that stage runs, since it gives the same bytes again.
    (clone.root / "params.yaml").write_text("filter: {lpips: {low: 0.2}}\n")
    assert list(pipeline.find_stale(clone)) == ["filter"]
    assert pipeline.run_stage(clone, "filter", 300, lambda line: None, lambda p: None) == 0
    assert pipeline.find_stale(clone) == {}

    # The photos are elsewhere on this machine, and nothing needs them.
    assert "Pictures is at" in flawfactory("locate", str(tmp_path / "away"))
    assert pipeline.find_stale(clone) == {}

    # A changed licence makes only package stale.
    (tmp_path / "away" / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    assert "1 unchanged" in flawfactory("scan", str(tmp_path / "away"))
    assert list(pipeline.find_stale(clone)) == ["package"]


@pytest.mark.parametrize("how", ["--temp", "--queue"])
def test_experiments_do_not_change_the_workspace(clone: Workspace, how: str) -> None:
    dvc(clone.root, "pull", "-q")
    dvc(clone.root, "exp", "run", how, "-n", "other", "-S", "filter.lpips.low=0.3")
    if how == "--queue":
        dvc(clone.root, "exp", "run", "--run-all", "-j", "1")
    assert pipeline.find_stale(clone) == {}
    dvc(clone.root, "exp", "apply", "other")
    assert "low: 0.3" in (clone.root / "params.yaml").read_text()
    assert pipeline.find_stale(clone) == {}


def test_a_build_shows_what_an_interrupted_one_did_not(
    built_and_pushed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(workspace: Workspace, stages: Sequence[str]) -> Path:
        if not enough:
            raise OSError(28, "No space left on device")
        return workspace.data / "gallery" / "index.html"

    enough = False
    monkeypatch.setattr("flows.gallery.render.write_gallery", write)
    assert "gallery" not in flawfactory("build")
    enough = True
    output = flawfactory("build")
    assert "up to date" in output and "gallery: file:" in output
    assert "gallery" not in flawfactory("build")
