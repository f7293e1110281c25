"""End a command on SIGINT, SIGTERM or SIGHUP: one line, exit code 128 + signal."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from flows.console import console, error_console

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS_TO_CLEAN_UP = 3.5


class Stopped(KeyboardInterrupt):
    """Raised when a signal asks the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number
        self.reported = False


def print_stop_message(stopped: Stopped) -> None:
    """Print the line that says what stopped the command, once."""
    if stopped.reported:
        return
    stopped.reported = True
    error_console.print(
        f"flawfactory: stopped by {stopped}; what was finished is kept",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise `Stopped` in the main thread on the first signal.

    The time to clean up is limited: after a few seconds, or on a second signal, the process exits
    at once. Its child processes end with it (`flows.children`).
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


def exit_immediately() -> NoReturn:
    """Exit with code 0 and skip exit handlers: that of Prefect waits minutes for a lost server."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    stopped = Stopped(number)
    for other in _SIGNALS:
        signal.signal(other, lambda number, frame: _exit_now(stopped))
    late = threading.Timer(_SECONDS_TO_CLEAN_UP, _exit_now, [stopped])
    late.daemon = True
    late.start()
    raise stopped


def _exit_now(stopped: Stopped) -> None:
    console.show_cursor()
    print_stop_message(stopped)
    os._exit(stopped.exit_code)
