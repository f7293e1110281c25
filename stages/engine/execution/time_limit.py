"""Limits the time of one photo by ending the process that computes it.

A decoder or a model that hangs cannot be interrupted from Python. `faulthandler` can end its
process: it waits in a thread that needs no interpreter lock. On Linux it and `threading.Timer` wait
by CLOCK_MONOTONIC, which stands still while the machine sleeps and does not follow the clock when
it is set; a process that is stopped (SIGSTOP) goes on using up its time.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STDERR = 2
"""Descriptor of a process's standard error."""
_GRACE_SECONDS = 60.0
"""How long after its time `end_stage_after` waits for the interpreter lock."""

_restart: Callable[[], None] | None = None


@contextmanager
def end_worker_after(seconds: float, file: int) -> Iterator[None]:
    """End this process with exit code 1 if the block takes longer than `seconds`, counted from its
    start or the last `restart_time`.

    Args:
        seconds: the limit.
        file: descriptor to which the tracebacks of all threads are written before.
    """
    with _limit(
        lambda: faulthandler.dump_traceback_later(seconds, exit=True, file=file),
        faulthandler.cancel_dump_traceback_later,
    ):
        yield


@contextmanager
def end_stage_after(seconds: float, message: str, file: Path) -> Iterator[None]:
    """End this process with exit code 2, as an expected error does, if the block takes longer than
    `seconds`, counted as in `end_worker_after`.

    A process whose interpreter lock is not free then ends a minute later, with exit code 1 and the
    tracebacks on its standard error.

    Args:
        seconds: the limit.
        message: printed as the last line.
        file: the tracebacks of all threads are written to it before.
    """
    timers: list[threading.Timer] = []

    def cancel() -> None:
        faulthandler.cancel_dump_traceback_later()
        while timers:
            timers.pop().cancel()

    def start() -> None:
        cancel()
        timer = threading.Timer(seconds, _end_stage, (message, file))
        timer.daemon = True
        timer.start()
        timers.append(timer)
        faulthandler.dump_traceback_later(seconds + _GRACE_SECONDS, exit=True, file=STDERR)

    with _limit(start, cancel):
        yield


def restart_time() -> None:
    """Count the time of the present photo anew, if it is limited. Called where it waits for others
    within limits of their own, such as for a server's answer."""
    if _restart is not None:
        _restart()


@contextmanager
def _limit(start: Callable[[], None], cancel: Callable[[], None]) -> Iterator[None]:
    global _restart
    _restart = start
    start()
    try:
        yield
    finally:
        _restart = None
        cancel()


def _end_stage(message: str, path: Path) -> None:
    with suppress(OSError):  # a full disk must not keep the process alive
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            faulthandler.dump_traceback(file)
    print(message, file=sys.stderr, flush=True)
    os._exit(2)
