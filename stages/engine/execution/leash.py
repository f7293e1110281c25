"""The leash: ends a process together with its starter, even if the starter is killed (SIGKILL).

The process's standard input is a pipe whose writing end the starter holds and never writes to. When
the starter ends, the kernel closes the pipe. Unlike polling for the starter's process id, this
cannot mistake another process for the starter.
"""

from __future__ import annotations

import os
import signal
from threading import Thread

LEASHED = "FLAWFACTORY_LEASHED"
"""Environment variable: standard input is a leash. It is not set for a stage started by hand."""


def exit_with_starter() -> None:
    """Start a thread that kills this process's group when the starter ends."""
    Thread(target=_exit_at_end_of_input, daemon=True).start()


def _exit_at_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)
