import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from stages.engine.workspace import Workspace


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
