import json
import os
import shutil
from pathlib import Path

import pytest
from dvc_commands import dvc
from published_set import write_set
from typer.testing import CliRunner, Result

from flows import pipeline
from flows.cache import ObjectCache, md5
from flows.cli import app
from stages.engine.workspace import Workspace


def repro(workspace: Workspace) -> None:
    dvc(workspace.root, "repro", "map")


def verify(*options: str) -> Result:
    return CliRunner().invoke(app, ["verify", *options])


@pytest.fixture
def damaged_file(workspace: Workspace) -> Path:
    """A damaged file of map, restored by DVC; ingest's and perceive's are intact."""
    (workspace.root / "stage.py").write_text(
        (workspace.root / "stage.py").read_text().replace('text.split("#")[0]', "text + name")
    )
    repro(workspace)
    file = workspace.stage("map") / "out.txt"
    cached = ObjectCache.of(workspace).path(md5(file))
    cached.chmod(0o644)
    cached.write_bytes(file.read_bytes()[:-1] + b"X")
    cached.chmod(0o444)
    shutil.rmtree(file.parent)
    repro(workspace)
    assert file.read_text().endswith("X")
    return file


def test_repair_replaces_damaged_files_restored_by_dvc(
    workspace: Workspace, damaged_file: Path
) -> None:
    found = verify()
    assert found.exit_code == 1
    assert str(damaged_file) in found.output
    assert "flawfactory verify --repair" in found.output
    os.utime(damaged_file)  # as verify did: DVC checks the file and restores the same bytes
    repro(workspace)
    assert verify().exit_code == 1
    repaired = verify("--repair")
    assert repaired.exit_code == 0, repaired.output
    assert "repaired: map" in repaired.output
    assert damaged_file.read_text().endswith("map")
    assert verify("--cache").exit_code == 0
    assert not pipeline.find_stale(workspace).keys() & {"ingest", "perceive", "map"}


def test_damage_in_the_cache_is_found_with_the_option_cache(
    workspace: Workspace, damaged_file: Path
) -> None:
    verify("--repair")
    cached = ObjectCache.of(workspace).path(md5(damaged_file))
    cached.chmod(0o644)
    cached.write_text("other")
    assert verify().exit_code == 0
    found = verify("--cache")
    assert found.exit_code == 1 and str(cached) in found.output
    assert verify("--repair").exit_code == 0


def test_a_repair_does_not_build_an_edited_version(
    workspace: Workspace, damaged_file: Path
) -> None:
    workspace.sources.write_text("other photos")
    refused = verify("--repair")
    assert refused.exit_code == 2
    assert "data/sources" in refused.output and "flawfactory build" in refused.output
    assert (workspace.stage("ingest") / "out.txt").read_text() == "photosingest"


def test_a_published_copy_is_verified_outside_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    sound = verify(str(folder))
    assert (sound.exit_code, "nothing is wrong" in sound.output) == (0, True)
    shard = folder / "train-00000.tar"
    shard.write_bytes(shard.read_bytes().replace(b"left hand", b"left foot"))
    damaged = verify(str(folder))
    assert damaged.exit_code == 1
    assert "train-00000.tar: 0000000000000000-p0: json: its bytes are not" in damaged.output
    found = json.loads(verify(str(folder), "--json").output)
    assert {f["shard"] for f in found["findings"]} == {"train-00000.tar"}
    assert json.loads(verify(str(folder), "--json", "--sample", "1").output)["pairs"] == 1


def test_options_of_the_other_kind_are_errors(tmp_path: Path) -> None:
    for arguments, words in (
        ([str(tmp_path), "--repair"], "are for the outputs of this checkout"),
        (["--sample", "2"], "are for a published copy"),
    ):
        done = verify(*arguments)
        assert (done.exit_code, words in done.output) == (2, True)
