import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from waiting import wait_until

from flows import pipeline
from flows.dvc_locks import running_stages
from stages import STAGES
from stages.engine.execution.progress import Progress, Reporter
from stages.engine.workspace import FactoryError, Workspace


def run(workspace: Workspace, name: str) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = pipeline.run_stage(workspace, name, 300.0, lines.append, lambda progress: None)
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
    monkeypatch.setenv("TOY_WAITS_FOR", "/never")
    lines: list[str] = []

    def clock() -> float:
        return time.monotonic() + 3600 * ("ingest speaks" in lines)

    def report(line: str) -> None:
        """Write what a stage does that loads its models."""
        path = workspace.reports / "ingest.progress.json"
        Reporter("ingest", 43, 3, path, "2 workers, one per core, to load flow flux:1234")
        lines.append(line)

    monkeypatch.setattr(pipeline, "time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    words = re.escape(
        "ingest: stopped after 5 minutes, before it had computed a photo (ingest 3/43, 2 workers, "
        "one per core, to load flow flux:1234, 3 from the store); raise `stage_timeout_minutes` in "
        "factory.toml if nothing hangs"
    )
    with pytest.raises(FactoryError, match=words):
        pipeline.run_stage(workspace, "ingest", 300.0, report, lambda progress: None)
    wait_until(lambda: not processes_in(workspace.root))


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (None, "before it had read its inputs"),
        (Progress("map", 4, 43, 3, 0, 2.0, "2 workers"), "at map 4/43, 0.50 photos/s, 78 s left"),
        (Progress("map", 43, 43, 43, 0, 0.0), "at map 43/43, 43 from the store"),
    ],
)
def test_a_stopped_stage_says_how_far_it_was(progress: Progress | None, words: str) -> None:
    assert pipeline._describe_stop(progress).startswith(words)


def test_finding_stale_stages_does_not_disturb_a_running_dvc_command(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(workspace, "ingest")
    monkeypatch.setenv("TOY_WAITS_FOR", str(tmp_path / "go on"))
    by_hand = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "perceive"])
    wait_until(lambda: "perceive" in running_stages(workspace))
    assert "perceive" in pipeline.find_stale(workspace) and by_hand.poll() is None
    (tmp_path / "go on").touch()
    assert by_hand.wait(timeout=120) == 0
    assert "perceive" not in pipeline.find_stale(workspace)


def test_finding_stale_stages_writes_nothing(workspace: Workspace) -> None:
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    assert list(pipeline.find_stale(workspace)) == list(STAGES)
    assert {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")} == before
