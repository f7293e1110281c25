"""Test Ctrl-C before the command line is loaded."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOADING = """
import sys
from flows import entry


class Interrupted:
    def find_spec(self, name, *_):
        if name == "flows.cli":
            raise KeyboardInterrupt


sys.meta_path.insert(0, Interrupted())
entry.main()
"""


def test_ctrl_c_while_the_command_is_loaded_prints_one_line():
    command = [sys.executable, "-c", LOADING]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 130
    assert done.stderr == "flawfactory: stopped by SIGINT\n" and not done.stdout


def test_the_entry_point_runs_the_command_line():
    command = [sys.executable, "-c", "from flows.entry import main; main()", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "withdraw" in done.stdout
