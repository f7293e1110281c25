"""One at a time in a workspace: builds wait for each other, and for DVC commands run by hand."""

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
class Patience:
    """How long to wait, all in all; waiting is said once a cause."""

    say: Say
    minutes: float | None = None
    """None: as long as it takes."""
    _started: float = field(default_factory=time.monotonic)
    _said: str = ""

    def wait(self, cause: str) -> None:
        """Wait a little.

        Raises:
            FactoryError: the time is up.
        """
        if self.minutes is not None and time.monotonic() - self._started >= 60 * self.minutes:
            raise FactoryError(
                f"{cause} still runs after {self.minutes:g} minutes; look at it with "
                "`flawfactory status`, wait longer with `--wait`"
            )
        if cause != self._said:
            self.say(f"waiting for {cause} to end; `flawfactory status` shows how far it is")
            self._said = cause
        time.sleep(_POLL_SECONDS)


@contextmanager
def build_lock(workspace: Workspace, patience: Patience) -> Iterator[None]:
    """Alone in the workspace: other builds and whatever changes the source list wait their turn.

    The kernel holds the lock (flock) and frees it with the process. What the holder calls may
    enter it again.

    Raises:
        FactoryError: patience ended first.
    """
    workspace.reports.mkdir(parents=True, exist_ok=True)
    path = workspace.reports / "build.lock"
    if path in _held.get():
        yield
        return
    with path.open("a+") as file:  # not "w": it would wipe out who holds it
        while not _locked(file):
            patience.wait(f"another build{_holder(file)}")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        token = _held.set(_held.get() | {path})
        try:
            yield
        finally:
            _held.reset(token)


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(file: TextIO) -> str:
    file.seek(0)
    pid = file.read().strip()
    return f" (process {pid})" if pid else ""


def wait_for_dvc(workspace: Workspace, patience: Patience) -> None:
    """Return when no DVC command is at work in the workspace.

    Raises:
        FactoryError: patience ended first.
    """
    while found := holders(workspace, patience.say):
        patience.wait(str(found[0]))
