"""A data set of several people: pushed by one, cloned and pulled by another, who goes on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from flows import pipeline
from flows.cli import app
from flows.sources import update_source_list
from stages.engine.storage.source_list import PHOTOS, WORDS
from stages.engine.workspace import Workspace

ROOT = Path(__file__).parents[2]


def run(root: Path, *command: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
                   "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}  # fmt: skip
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(root: Path, *words: str) -> str:
    return run(root, sys.executable, "-m", "dvc", *words)


def commit(root: Path) -> None:
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "version")


def like_the_factory(root: Path) -> None:
    """The toy stages hang on params and on the halves of the list as those of dvc.yaml do."""
    content = yaml.safe_load((root / "dvc.yaml").read_text())
    content["stages"]["filter"]["params"] = ["filter"]
    ingest, package = content["stages"]["ingest"], content["stages"]["package"]
    ingest["deps"] = [f"data/sources/{PHOTOS}"]
    ingest["cmd"] = f"python stage.py ingest data/sources/{PHOTOS}/00000.jsonl"
    package["deps"].append(f"data/sources/{WORDS}")
    (root / "dvc.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (root / "params.yaml").write_text("filter: {lpips: {low: 0.1}}\n")
    shutil.copy(ROOT / ".gitignore", root)  # DVC looks for sources.dvc where git does


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "Pictures"
    folder.mkdir()
    Image.new("RGB", (160, 160), "teal").save(folder / "photo.png")
    return folder


@pytest.fixture
def pushed(workspace: Workspace, pictures: Path, tmp_path: Path) -> Workspace:
    """Built, committed and pushed by the first person."""
    workspace.sources.unlink()
    like_the_factory(workspace.root)
    update_source_list(workspace, [pictures])
    dvc(workspace.root, "repro", "-q")
    dvc(workspace.root, "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    commit(workspace.root)
    dvc(workspace.root, "push", "-q")
    return workspace


@pytest.fixture
def clone(pushed: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The second person's, who has neither the photos nor a store; not pulled yet."""
    root, hub = tmp_path / "clone", tmp_path / "hub.git"
    # By way of a plain name: DVC's experiments read addresses of remotes as ASCII.
    run(tmp_path, "git", "clone", "-q", "--bare", str(pushed.root), str(hub))
    run(tmp_path, "git", "clone", "-q", str(hub), str(root))
    (tmp_path / "Pictures").rename(tmp_path / "away")
    monkeypatch.chdir(root)
    return Workspace(root)


def flawfactory(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), env={"COLUMNS": "500"})
    return done.output


def test_a_clone_goes_on_where_the_other_stopped(clone: Workspace, tmp_path: Path) -> None:
    for command in ("build", "status", "plan"):
        assert "dvc pull" in flawfactory(command)
    assert not clone.sources.exists()
    dvc(clone.root, "pull", "-q")
    assert "up to date" in flawfactory("build")

    # One value: that stage alone, since it gives the same bytes again.
    (clone.root / "params.yaml").write_text("filter: {lpips: {low: 0.2}}\n")
    assert list(pipeline.find_stale(clone)) == ["filter"]
    assert pipeline.run_stage(clone, "filter", 300, lambda line: None, lambda p: None) == 0
    assert pipeline.find_stale(clone) == {}

    # The photos lie elsewhere on this machine; nothing asks for them.
    assert "Pictures is at" in flawfactory("locate", str(tmp_path / "away"))
    assert pipeline.find_stale(clone) == {}

    # A word about a photo: its licence wakes the package alone.
    (tmp_path / "away" / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    assert "1 unchanged" in flawfactory("scan", str(tmp_path / "away"))
    assert list(pipeline.find_stale(clone)) == ["package"]


@pytest.mark.parametrize("how", ["--temp", "--queue"])
def test_experiments_run_in_a_folder_of_their_own(clone: Workspace, how: str) -> None:
    dvc(clone.root, "pull", "-q")
    dvc(clone.root, "exp", "run", how, "-n", "other", "-S", "filter.lpips.low=0.3")
    if how == "--queue":
        dvc(clone.root, "exp", "run", "--run-all", "-j", "1")
    assert pipeline.find_stale(clone) == {}
    dvc(clone.root, "exp", "apply", "other")
    assert "low: 0.3" in (clone.root / "params.yaml").read_text()
    assert pipeline.find_stale(clone) == {}


def test_a_build_whose_end_failed_is_made_up_for(
    pushed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render(data: Path, out: Path, stages: Sequence[str]) -> Path:
        if not enough:
            raise OSError(28, "No space left on device")
        return out / "index.html"

    enough = False
    monkeypatch.setattr("flows.gallery.render.render", render)
    assert "gallery" not in flawfactory("build")
    enough = True
    told = flawfactory("build")
    assert "up to date" in told and "gallery: file:" in told
    assert "gallery" not in flawfactory("build")
