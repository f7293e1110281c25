import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.stopping import STOPPED, UntilStopped

MEASURING = """
import time
from benchmarks.stopping import UntilStopped

def measure():
    yield 1
    yield 2
    print("busy", flush=True)
    time.sleep(600)
    yield 3

found = UntilStopped(measure())
print(f"mean {sum(rows := list(found)) / len(rows)}")
found.exit_if_stopped()
print("everything was measured")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_measurement_prints_what_it_has(number):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", MEASURING]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # as behind `&`
    with subprocess.Popen(command, cwd=root, text=True, **pipes) as process:
        assert process.stdout.readline() == "busy\n"
        process.send_signal(number)
        out, errors = process.communicate()
    assert out == "mean 1.5\n" and "so far" in errors and "Traceback" not in errors
    assert process.returncode == STOPPED


def test_finished_measurement_continues():
    before = signal.getsignal(signal.SIGTERM)
    found = UntilStopped(range(3))
    assert list(found) == [0, 1, 2] and not found.stopped
    found.exit_if_stopped()
    assert signal.getsignal(signal.SIGTERM) == before
