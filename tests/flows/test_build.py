from collections.abc import Iterator

import pytest
from prefect import get_client
from prefect.testing.utilities import prefect_test_harness

from flows.build import StageFailed, build, watch
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
