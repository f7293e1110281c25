"""Let one build at a time run in a workspace; wait for other builds and for DVC commands."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from flows.dvc_locks import holders
from stages.engine.workspace import FactoryError, Workspace

Say = Callable[[str], None]
_POLL_SECONDS = 0.5

_held: ContextVar[frozenset[Path]] = ContextVar("locks held by the caller", default=frozenset())


@dataclass
class Waiter:
    """Waits for other processes up to a total time, and reports each cause once."""

    say: Say
    minutes: float | None = None
    """Maximum total time; None waits as long as it takes."""
    _started: float = field(default_factory=time.monotonic)
    _said: str = ""

    def wait(self, cause: str) -> None:
        """Wait a moment for `cause` to end.

        Raises:
            FactoryError: the total time is up.
        """
        if self.minutes is not None and time.monotonic() - self._started >= 60 * self.minutes:
            raise FactoryError(
                f"{cause} still runs after {self.minutes:g} minutes; see `flawfactory status`, or "
                "wait longer (`--wait`; `wait_minutes` of a deployment)"
            )
        if cause != self._said:
            self.say(f"waiting for {cause} to end; `flawfactory status` shows its progress")
            self._said = cause
        time.sleep(_POLL_SECONDS)


@contextmanager
def lock_when_idle(workspace: Workspace, say: Say, minutes: float | None = None) -> Iterator[None]:
    """Wait until neither a build nor a DVC command runs in the workspace, and hold its lock.

    Args:
        workspace: the checkout.
        say: receives what it waits for.
        minutes: maximum time to wait; None waits as long as it takes.

    Raises:
        FactoryError: the time is up.
    """
    waiter = Waiter(say, minutes)
    with build_lock(workspace, waiter):
        wait_for_dvc(workspace, waiter)
        yield


@contextmanager
def build_lock(workspace: Workspace, waiter: Waiter) -> Iterator[None]:
    """Hold the workspace's lock, which builds and all changes of the source list take.

    The kernel holds the lock (flock) and releases it when the process ends. It is reentrant.

    Raises:
        FactoryError: `waiter` gave up.
    """
    workspace.reports.mkdir(parents=True, exist_ok=True)
    path = workspace.reports / "build.lock"
    if path in _held.get():
        yield
        return
    with path.open("a+") as file:  # not "w", which would erase the holder's pid
        while not _try_lock(file):
            waiter.wait(f"another build{_describe_holder(file)}")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        token = _held.set(_held.get() | {path})
        try:
            yield
        finally:
            _held.reset(token)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe_holder(file: TextIO) -> str:
    file.seek(0)
    pid = file.read().strip()
    return f" (process {pid})" if pid else ""


def wait_for_dvc(workspace: Workspace, waiter: Waiter) -> None:
    """Wait until no DVC command is running in the workspace.

    Raises:
        FactoryError: `waiter` gave up.
    """
    while found := holders(workspace, waiter.say):
        waiter.wait(str(found[0]))
