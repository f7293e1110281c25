import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from canary import find_canary
from dvc_commands import dvc

from flows import pipeline, spending
from flows.cache import ObjectCache, md5
from flows.locks import Waiter, build_lock
from flows.steps import StageFailed
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace
from stages.models.chat.ledger import Account

pytestmark = pytest.mark.slow
Build = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def build() -> Iterator[Build]:
    """The flow, beside a Prefect server of the tests' own."""
    # Here: whoever runs other tests need not wait for these imports.
    from prefect.testing.utilities import prefect_test_harness

    from flows.build import build

    with prefect_test_harness(server_startup_timeout=120):
        yield build


def artifact_keys() -> set[str]:
    from prefect import get_client

    with get_client(sync_client=True) as client:
        return {str(artifact.key) for artifact in client.read_artifacts()}


def test_a_build_runs_all_stages_and_publishes_artifacts_but_no_key(
    build: Build, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of the environment reaches neither Prefect (parameters, states, logs and artifacts are
    in its database) nor a file."""
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL as DATABASE

    canary = "sk-planted-5647382910"
    monkeypatch.setenv("MY_API_KEY", canary)
    account = Account("map", "caption", "m", 1, 0, 0, 0, 10, 5, 0.1, 0)
    asked = {"map": [account]}
    monkeypatch.setattr(
        spending,
        "read_accounts",
        lambda workspace, since=0.0, stage=None: asked.get(stage or "", []),
    )
    assert build(str(workspace.root)) == list(STAGES)
    assert (workspace.stage("package") / "train-00000.tar").is_file()
    shown = {"ingest-progress", "package-progress", "map-calls", "contact-sheet"}
    assert shown <= artifact_keys() and "filter-calls" not in artifact_keys()
    assert build(str(workspace.root)) == []
    database = Path(str(DATABASE.value()).removeprefix("sqlite+aiosqlite:///"))
    assert database.is_file()
    assert find_canary(database.parent, canary) == find_canary(workspace.root, canary) == []


def test_a_build_replaces_damaged_outputs(build: Build, workspace: Workspace) -> None:
    root, shard = str(workspace.root), workspace.stage("package") / "train-00000.tar"
    dvc(workspace.root, "repro")
    whole = shard.read_bytes()
    cached = ObjectCache.of(workspace).path(md5(shard))
    for brought_back in (False, True):  # restored by DVC before the build
        cached.chmod(0o644)
        cached.write_bytes(whole[:-1] + b"X")
        cached.chmod(0o444)
        shutil.rmtree(shard.parent)
        if brought_back:
            pipeline.run_stage(workspace, "package", 60.0, lambda line: None, lambda progress: None)
            assert shard.read_bytes() != whole
        assert build(root) == ["package"]
        assert shard.read_bytes() == cached.read_bytes() == whole


def test_a_failed_stage_fails_the_flow_and_names_the_stage(
    build: Build, workspace: Workspace
) -> None:
    workspace.sources.write_text("bad map")
    with pytest.raises(StageFailed, match="map failed"):
        build(str(workspace.root))
    assert not workspace.stage("invert").exists()


def test_a_build_fails_when_it_has_waited_for_the_given_minutes(
    build: Callable[..., list[str]], workspace: Workspace
) -> None:
    held, ended = Event(), Event()

    def other() -> None:
        with build_lock(workspace, Waiter(pytest.fail)):
            held.set()
            ended.wait()

    thread = Thread(target=other)
    thread.start()
    held.wait()
    try:
        with pytest.raises(FactoryError, match=r"another build.* still runs after 0 minutes"):
            build(str(workspace.root), wait_minutes=0)
    finally:
        ended.set()
        thread.join()
    assert not workspace.stage("ingest").exists()


def test_a_failing_artifact_does_not_fail_the_build(
    build: Build, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*values: object, **more: object) -> None:
        raise ValueError("no picture")

    monkeypatch.setattr("flows.build.contact_sheet", broken)
    monkeypatch.setattr("flows.build.create_progress_artifact", broken)
    monkeypatch.setattr("flows.steps.STAGES", ("ingest",))
    assert build(str(workspace.root)) == ["ingest"]
