import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import wait_until

from flows import pipeline
from flows.dvc_locks import running_stages
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace


def run(workspace: Workspace, name: str, timeout: float = 60.0) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = pipeline.run_stage(workspace, name, timeout, lines.append, lambda progress: None)
    return code, lines


def test_a_stage_is_stale_until_it_has_run(workspace: Workspace) -> None:
    assert list(pipeline.find_stale(workspace)) == list(STAGES)
    code, lines = run(workspace, "ingest")
    assert code == 0
    assert "ingest speaks" in lines
    assert "ingest" not in pipeline.find_stale(workspace)


def test_reasons_name_what_changed(workspace: Workspace) -> None:
    run(workspace, "ingest")
    workspace.sources.write_text("other photos")
    assert pipeline.find_stale(workspace)["ingest"] == ["data/sources modified"]


def test_a_missing_source_list_is_an_error_with_a_remedy(workspace: Workspace) -> None:
    workspace.sources.unlink()
    with pytest.raises(FactoryError, match="flawfactory build --source"):
        pipeline.find_stale(workspace)


def test_a_failing_stage_returns_its_exit_code_and_output(workspace: Workspace) -> None:
    workspace.sources.write_text("bad ingest")
    code, lines = run(workspace, "ingest")
    assert code != 0
    assert any("ingest met something bad" in line for line in lines)


def test_a_stage_past_its_timeout_ends_with_its_children(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    processes_in: Callable[[Path], list[str]],
) -> None:
    monkeypatch.setenv("TOY_SLEEP", "120")
    with pytest.raises(FactoryError, match="raise `stage_timeout_minutes`"):
        run(workspace, "ingest", timeout=4.0)
    wait_until(lambda: not processes_in(workspace.root))


def test_finding_stale_stages_does_not_disturb_a_running_dvc_command(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace, "ingest")
    monkeypatch.setenv("TOY_SLEEP", "5")
    by_hand = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "perceive"])
    while "perceive" not in running_stages(workspace):
        assert by_hand.poll() is None
        time.sleep(0.1)
    assert "perceive" in pipeline.find_stale(workspace) and by_hand.poll() is None
    assert by_hand.wait(timeout=120) == 0
    assert "perceive" not in pipeline.find_stale(workspace)


def test_finding_stale_stages_writes_nothing(workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    assert list(pipeline.find_stale(workspace)) == list(STAGES)
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before
