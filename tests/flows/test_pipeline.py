import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from flows import pipeline
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace


def run(workspace: Workspace, name: str, timeout: float = 150.0) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = pipeline.run_stage(workspace, name, timeout, lines.append, lambda progress: None)
    return code, lines


def test_everything_is_stale_at_first_and_nothing_after_a_run(workspace: Workspace) -> None:
    assert list(pipeline.stale(workspace)) == list(STAGES)
    code, lines = run(workspace, "ingest")
    assert code == 0
    assert "ingest speaks" in lines
    assert "ingest" not in pipeline.stale(workspace)


def test_reasons_name_what_changed(workspace: Workspace) -> None:
    run(workspace, "ingest")
    workspace.sources.write_text("other photos")
    assert pipeline.stale(workspace)["ingest"] == ["data/sources modified"]


def test_without_a_source_list_the_remedy_is_named(workspace: Workspace) -> None:
    workspace.sources.unlink()
    with pytest.raises(FactoryError, match="flawfactory build --source"):
        pipeline.stale(workspace)


def test_a_failing_stage_gives_its_exit_code_and_last_words(workspace: Workspace) -> None:
    workspace.sources.write_text("bad ingest")
    code, lines = run(workspace, "ingest")
    assert code != 0
    assert any("ingest met something bad" in line for line in lines)


def test_a_stage_past_its_timeout_is_ended_with_its_children(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    processes_in: Callable[[Path], list[str]],
) -> None:
    monkeypatch.setenv("TOY_SLEEP", "120")
    with pytest.raises(FactoryError, match="stopped after"):
        run(workspace, "ingest", timeout=4.0)
    until(lambda: not processes_in(workspace.root))


def test_a_second_build_waits_for_the_lock(workspace: Workspace) -> None:
    waited, order = threading.Event(), []

    def second() -> None:
        with pipeline.build_lock(workspace, waited.set):
            order.append("second")

    with pipeline.build_lock(workspace, lambda: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(timeout=60)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


WATCHED = """
import time
from collections.abc import Callable
from pathlib import Path
from stages.engine.runner import main
from stages.engine.workspace import Workspace

def build(root):
    Path("started").touch()
    time.sleep(120)

main(build)
"""


def test_a_stage_leaves_when_its_flow_is_killed(workspace: Workspace) -> None:
    # The flow cannot clean up after SIGKILL; the stage must notice by itself.
    flow = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    environment = {**os.environ, pipeline.WATCHED_PARENT: str(flow.pid)}
    stage = subprocess.Popen(
        [sys.executable, "-c", WATCHED], env=environment, start_new_session=True
    )
    started = workspace.root / "started"
    until(started.exists)
    flow.kill()
    flow.wait()
    assert stage.wait(timeout=60) == -signal.SIGKILL
