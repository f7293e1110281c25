"""A process on a leash: it ends with its starter, however the starter ends (SIGKILL included).

The starter holds the writing end of a pipe that is the process's standard input and never writes.
The kernel closes that end with the starter: no process number is asked that another process may
have by then.
"""

from __future__ import annotations

import os
import signal
from threading import Thread

LEASHED = "FLAWFACTORY_LEASHED"
"""Environment variable: standard input is a leash. A stage that a person starts has none."""


def leave_with_starter() -> None:
    """From now on, end this process's whole group when the starter is gone."""
    Thread(target=_leave_at_the_end, daemon=True).start()


def _leave_at_the_end() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)
