import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.commands import build as command
from stages.engine.tables import REJECT_COLUMNS, write_table
from stages.engine.workspace import FactoryError, Workspace


def until(condition: Callable[[], bool], seconds: int) -> bool:
    for _ in range(seconds * 5):
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_a_terminated_build_leaves_no_process_behind(
    workspace: Workspace, tmp_path: Path, processes_in: Callable[[Path], list[str]]
) -> None:
    flawfactory = Path(sys.executable).with_name("flawfactory")
    build = subprocess.Popen(
        [str(flawfactory), "build"],
        cwd=workspace.root,
        env={**os.environ, "TOY_SLEEP": "300", "PREFECT_HOME": str(tmp_path / "prefect")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert until(lambda: any("stage.py" in c for c in processes_in(workspace.root)), 120)
    build.send_signal(signal.SIGTERM)
    assert build.wait(timeout=60) != 0
    assert until(lambda: not processes_in(workspace.root), 30), processes_in(workspace.root)


def test_a_failed_build_shows_the_rejects_up_to_the_stage_that_failed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stage in ("ingest", "perceive"):
        row = dict(zip(REJECT_COLUMNS, ("00ff", "", f"odd_in_{stage}", "no", "{}"), strict=True))
        write_table(workspace.stage(stage) / "rejects.parquet", [row])

    def fail(workspace: Workspace) -> None:
        raise FactoryError("ingest failed")

    monkeypatch.setattr(command, "load_params", lambda root: {})
    monkeypatch.setattr(command, "_run_flow", fail)
    monkeypatch.setattr(command, "stale_or_damaged", lambda workspace: {"ingest": ["x"]})
    monkeypatch.setattr(command.pipeline, "stale", lambda workspace: {"ingest": ["x"]})
    with pytest.raises(FactoryError, match="ingest failed"):
        command.build()
    assert "gallery: file://" in capsys.readouterr().out
    shown = (workspace.data / "gallery" / "data.js").read_text()
    assert "odd_in_ingest" in shown and "odd_in_perceive" not in shown
