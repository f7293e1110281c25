import os
import signal
import subprocess
import sys
from pathlib import Path

from stages.engine.execution.leash import LEASHED

STAGE = """
import sys, time
from stages.engine.runner import main

def build(root):
    print("started", flush=True)
    time.sleep(float(sys.argv[1]))
    sys.exit(3)

main(build)
"""


def start(folder: Path, seconds: str, **variables: str) -> subprocess.Popen[str]:
    """Start a stage with a pipe as its standard input."""
    (folder / "dvc.yaml").touch()
    stage = subprocess.Popen(
        [sys.executable, "-c", STAGE, seconds],
        cwd=folder,
        env={**os.environ, "FLAWFACTORY_ROOT": str(folder), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert stage.stdout and stage.stdout.readline() == "started\n"
    return stage


def test_a_leashed_stage_ends_when_its_starter_closes_the_pipe(tmp_path: Path) -> None:
    stage = start(tmp_path, "600", **{LEASHED: "1"})
    assert stage.stdin
    stage.stdin.close()
    assert stage.wait(timeout=60) == -signal.SIGKILL


def test_a_stage_without_a_leash_ignores_a_closed_pipe(tmp_path: Path) -> None:
    stage = start(tmp_path, "0.5")
    assert stage.stdin
    stage.stdin.close()
    assert stage.wait(timeout=60) == 3
