import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.engine import processes
from stages.engine.processes import identify_process


def test_a_process_has_the_same_identity_all_its_life_and_none_after():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    found = identify_process(process.pid)
    assert found and found == identify_process(process.pid) != identify_process(os.getpid())
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie has ended
    assert identify_process(process.pid) is None
    process.wait()
    assert identify_process(process.pid) is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_the_start_and_the_boot_are_part_of_the_identity(monkeypatch):
    boot, pid, start = str(identify_process(os.getpid())).split()
    assert pid == str(os.getpid()) and int(start) > 0
    monkeypatch.setattr(processes, "_boot", lambda: "another")
    assert identify_process(os.getpid()) == f"another {pid} {start}" != f"{boot} {pid} {start}"


def test_without_proc_the_start_is_the_time_of_day(monkeypatch):
    monkeypatch.setattr(processes, "_boot", lambda: Path("/nowhere").read_text())
    pid, start = str(identify_process(os.getpid())).split()
    assert pid == str(os.getpid()) and float(start) > 1e9
