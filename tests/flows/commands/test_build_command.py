import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.engine.workspace import Workspace


def processes_in(folder: Path) -> list[str]:
    """Commands of live processes that work in `folder`: flow, temporary server, DVC, stages."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [command for command in found if command and "pytest" not in command]


def until(condition: Callable[[], bool], seconds: int) -> bool:
    for _ in range(seconds * 5):
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_a_terminated_build_leaves_no_process_behind(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # this process must not be found in the workspace
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
