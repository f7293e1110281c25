import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import pipeline
from flows.cache import ObjectCache, md5
from flows.cli import app
from stages.engine.workspace import Workspace


def repro(workspace: Workspace) -> None:
    command = [sys.executable, "-m", "dvc", "repro", "map"]
    environment = pipeline.child_environment()
    subprocess.run(command, cwd=workspace.root, env=environment, check=True, capture_output=True)


def verify(*options: str) -> Result:
    return CliRunner().invoke(app, ["verify", *options])


@pytest.fixture
def damaged(workspace: Workspace) -> Path:
    """A file of map that came back damaged from DVC's cache; ingest's and perceive's are whole."""
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


def test_the_advised_remedy_heals_what_dvc_brought_back(
    workspace: Workspace, damaged: Path
) -> None:
    found = verify()
    assert found.exit_code == 1
    assert str(damaged) in found.output.replace("\n", "")
    assert "flawfactory verify --repair" in found.output
    os.utime(damaged)  # as verify did: DVC looks at the file again, and brings back the same bytes
    repro(workspace)
    assert verify().exit_code == 1
    mended = verify("--repair")
    assert mended.exit_code == 0, mended.output
    assert damaged.read_text().endswith("map")
    assert verify("--cache").exit_code == 0
    assert not pipeline.find_stale(workspace).keys() & {"ingest", "perceive", "map"}


def test_only_a_look_at_the_cache_sees_damage_behind_a_whole_output(
    workspace: Workspace, damaged: Path
) -> None:
    verify("--repair")
    cached = ObjectCache.of(workspace).path(md5(damaged))
    cached.chmod(0o644)
    cached.write_text("other")
    assert verify().exit_code == 0
    found = verify("--cache")
    assert found.exit_code == 1 and str(cached) in found.output.replace("\n", "")
    assert verify("--repair").exit_code == 0


def test_an_edited_version_is_not_built_by_a_repair(workspace: Workspace, damaged: Path) -> None:
    workspace.sources.write_text("other photos")
    refused = verify("--repair")
    assert refused.exit_code == 2
    assert "data/sources" in refused.output and "flawfactory build" in refused.output
    assert (workspace.stage("ingest") / "out.txt").read_text() == "photosingest"
