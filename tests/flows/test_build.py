import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prefect import get_client
from prefect.testing.utilities import prefect_test_harness

from flows import pipeline
from flows.build import StageFailed, build, watch
from flows.cache import ObjectCache, md5
from stages import STAGES
from stages.engine.workspace import Workspace


@pytest.fixture(scope="module", autouse=True)
def prefect_database() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def artifact_keys() -> set[str]:
    with get_client(sync_client=True) as client:
        return {str(artifact.key) for artifact in client.read_artifacts()}


def test_a_build_runs_all_stages_then_none_then_what_changed(workspace: Workspace) -> None:
    root = str(workspace.root)
    assert build(root) == list(STAGES)
    assert (workspace.stage("package") / "train-00000.tar").is_file()
    assert {"ingest-progress", "package-progress", "contact-sheet"} <= artifact_keys()
    assert build(root) == []
    # The same bytes come out of ingest after a comment: nothing below it has to run.
    workspace.sources.write_text("photos# and a remark")
    assert build(root) == ["ingest"]


def test_a_build_never_ends_well_on_damaged_bytes(workspace: Workspace) -> None:
    root, shard = str(workspace.root), workspace.stage("package") / "train-00000.tar"
    command = [sys.executable, "-m", "dvc", "repro"]
    environment = pipeline.environment()
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    whole = shard.read_bytes()
    cached = ObjectCache.of(workspace).path(md5(shard))
    for brought_back in (False, True):  # by DVC alone, before the build
        cached.chmod(0o644)
        cached.write_bytes(whole[:-1] + b"X")
        cached.chmod(0o444)
        shutil.rmtree(shard.parent)
        if brought_back:
            pipeline.run_stage(workspace, "package", 60.0, lambda line: None, lambda progress: None)
            assert shard.read_bytes() != whole
        assert build(root) == ["package"]
        assert shard.read_bytes() == cached.read_bytes() == whole


def test_a_failed_stage_fails_the_flow_and_names_the_stage(workspace: Workspace) -> None:
    workspace.sources.write_text("bad map")
    with pytest.raises(StageFailed, match="map failed"):
        build(str(workspace.root))
    assert not workspace.stage("invert").exists()
    workspace.sources.write_text("photos")
    assert build(str(workspace.root)) == list(STAGES)


def test_watchers_are_told_of_progress(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("flows.build._watchers", [])
    watch(seen.append)
    monkeypatch.setattr(
        "flows.pipeline.run_stage",
        lambda workspace, name, timeout, on_line, on_progress: (
            on_progress(
                __import__("stages.engine.progress", fromlist=["Progress"]).Progress(
                    name, 3, 4, 1, 0, 2.0
                )
            )
            or 0
        ),
    )
    monkeypatch.setattr("flows.pipeline.stale", lambda workspace: {"ingest": ["new"]})
    monkeypatch.setattr("flows.build.publish_contact_sheet", lambda root: None)
    build(str(workspace.root))
    assert [(p.stage, p.done, p.rate) for p in seen] == [("ingest", 3, 1.0)]
