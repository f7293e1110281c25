import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

from flows import steps
from flows.dvc_locks import running_stages
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.workspace import FactoryError, Workspace


def run_stale(workspace: Workspace) -> list[str]:
    return steps.run_stale(workspace, steps.run_stage)


@pytest.mark.slow
def test_only_stale_stages_run(begun: Workspace) -> None:
    assert run_stale(begun) == list(STAGES[-2:])
    assert (begun.stage("package") / "train-00000.tar").is_file()
    assert run_stale(begun) == []
    # After a comment ingest gives the same bytes: no stage after it has to run.
    begun.sources.write_text("photos# and a remark")
    assert run_stale(begun) == ["ingest"]


def test_no_step_imports_prefect() -> None:
    program = "import sys; import flows.steps; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_failed_stage_is_named_with_its_last_lines(workspace: Workspace) -> None:
    workspace.sources.write_text("bad perceive")
    message = r"perceive failed(.|\n)*perceive met something bad"
    with pytest.raises(steps.StageFailed, match=message):
        run_stale(workspace)
    assert workspace.stage("ingest").exists() and not workspace.stage("map").exists()


def test_a_stage_waits_for_dvc_commands_run_by_hand(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOY_WAITS_FOR", str(tmp_path / "go on"))
    by_hand = subprocess.Popen([sys.executable, "-m", "dvc", "repro", "ingest"])
    wait_until(lambda: running_stages(workspace))
    with pytest.raises(FactoryError, match="still runs after 0 minutes"):
        steps.run_stage(workspace.root, "ingest", 0)
    said: list[str] = []

    def tell(words: str) -> None:
        said.append(words)
        (tmp_path / "go on").touch()

    run = steps.run(workspace, "ingest", tell)
    assert run.code == 0 and by_hand.wait(timeout=60) == 0
    waiting = [words for words in said if words.startswith("waiting for")]
    assert len(waiting) == 1 and f"dvc repro ingest` (process {by_hand.pid})" in waiting[0]


def test_callbacks_receive_progress_and_messages(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, messages = [], []
    monkeypatch.setattr(steps, "_watchers", [])
    monkeypatch.setattr(steps, "_message_handlers", [])
    steps.watch(seen.append, messages.append)

    def run_stage(workspace, name, timeout, on_line, on_progress):
        on_progress(Progress(name, 3, 4, 1, 0, 2.0))
        return 0

    monkeypatch.setattr("flows.pipeline.run_stage", run_stage)
    (workspace.root / ".dvc" / "tmp" / "rwlock").write_text("{cut")
    steps.run_stage(workspace.root, "ingest")
    assert [(p.stage, p.done, p.rate) for p in seen] == [("ingest", 3, 1.0)]
    assert "a crash had left truncated" in messages[0]
