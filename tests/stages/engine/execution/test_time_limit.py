import subprocess
import sys

import pytest

from stages.engine.execution import time_limit
from stages.engine.execution.time_limit import STDERR, end_worker_after, restart_time

HANGS = """
import ctypes, sys, time
from pathlib import Path
from stages.engine.execution.time_limit import end_stage_after, end_worker_after

def decode_for_ever():
    {hang}

with {limit}:
    decode_for_ever()
"""
SLEEP = "time.sleep(600)"
HOLD_THE_LOCK = "ctypes.PyDLL(None).sleep(600)"


def run(limit, hang):
    program = HANGS.format(limit=limit, hang=hang)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("hang", [SLEEP, HOLD_THE_LOCK])
def test_a_worker_that_hangs_ends_with_its_traceback(hang):
    ended = run("end_worker_after(0.2, 2)", hang)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Timeout") and "in decode_for_ever" in ended.stderr


def test_a_stage_that_hangs_ends_with_one_line(tmp_path):
    traces = tmp_path / "reports" / "traces.txt"
    ended = run(f"end_stage_after(0.2, 'a photo hangs', Path({str(traces)!r}))", SLEEP)
    assert (ended.returncode, ended.stderr) == (2, "a photo hangs\n")
    assert "in decode_for_ever" in traces.read_text()


def test_a_stage_that_holds_the_interpreter_lock_ends_too(tmp_path):
    limit = f"end_stage_after(0.2, 'a photo hangs', Path({str(tmp_path)!r}))"
    program = f"import stages.engine.execution.time_limit as t\nt._GRACE_SECONDS = 0.1\n{HANGS}"
    program = program.format(limit=limit, hang=HOLD_THE_LOCK)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1 and "in decode_for_ever" in ended.stderr


def test_the_time_is_counted_anew_after_a_restart(monkeypatch):
    began = []
    fake = time_limit.faulthandler
    monkeypatch.setattr(fake, "dump_traceback_later", lambda seconds, **_: began.append(seconds))
    monkeypatch.setattr(fake, "cancel_dump_traceback_later", lambda: began.append("cancelled"))
    restart_time()
    with end_worker_after(7, STDERR):
        restart_time()
    restart_time()
    assert began == [7, 7, "cancelled"]
