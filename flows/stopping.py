"""Ctrl-C and SIGTERM end a command with one line, its own exit code and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from flows.console import console, errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_CLEAN_UP = 3.5


class Stopped(KeyboardInterrupt):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        self.said = False


def farewell(stopped: Stopped) -> None:
    """The one line, once."""
    if stopped.said:
        return
    stopped.said = True
    errors.print(
        f"flawfactory: stopped by {stopped}; what was finished is kept",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread on the first signal.

    What it takes to clean up is bounded: after some seconds, or on a second signal, the process
    ends at once. All that it started is on a leash and ends with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_at_once() -> NoReturn:
    """End well, without what libraries do at exit: Prefect waits minutes for a lost server."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    stopped = Stopped(number)
    for other in _SIGNALS:
        signal.signal(other, lambda number, frame: _end_now(stopped))
    late = threading.Timer(_SECONDS_TO_CLEAN_UP, _end_now, [stopped])
    late.daemon = True
    late.start()
    raise stopped


def _end_now(stopped: Stopped) -> None:
    console.show_cursor()
    farewell(stopped)
    os._exit(stopped.exit_code)
