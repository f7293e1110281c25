import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from flows import children

GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
STARTER = """
import os, sys, time
from pathlib import Path
from flows import children
child = children.start(["grandchild"], Path.cwd(), os.environ)
print(child.pid, child.stdout.readline().strip(), flush=True)
time.sleep(600)
"""


def is_dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_dead(*pids: int) -> bool:
    for _ in range(600):
        if all(map(is_dead, pids)):
            return True
        time.sleep(0.1)
    return False


def test_a_child_and_its_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "grandchild.py").write_text(GRANDCHILD)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    assert len(pids) == 2 and not any(map(is_dead, pids))
    starter.kill()  # without wait(): a zombie counts as dead
    assert wait_until_dead(*pids)
    starter.wait()


def test_ending_a_child_ends_its_children(tmp_path: Path) -> None:
    (tmp_path / "grandchild.py").write_text(GRANDCHILD)
    child = children.start(["grandchild"], tmp_path, os.environ)
    assert child.stdout
    pid = int(child.stdout.readline())
    children.end(child)
    assert child.returncode == -signal.SIGTERM
    assert wait_until_dead(child.pid, pid)


def test_a_child_passes_on_arguments_output_and_exit_code(tmp_path: Path) -> None:
    (tmp_path / "speaker.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    child = children.start(["speaker", "a b", "--c"], tmp_path, os.environ)
    lines: list[str] = []
    reader = children.forward(child, lines.append)
    assert child.wait(timeout=60) == 7
    reader.join(timeout=60)
    assert lines == ["['a b', '--c']"]
