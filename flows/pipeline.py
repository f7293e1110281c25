"""The pipeline as DVC sees it: what is stale and why, and running one stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from flows.dvc_errors import as_ours
from flows.dvc_reading import reading
from flows.reasons import NOT_BUILT, locked_params, reasons
from stages import STAGES
from stages.catalogue import read_params
from stages.engine.progress import Progress
from stages.engine.runner import WATCHED_PARENT
from stages.engine.workspace import FactoryError, Workspace

_POLL_SECONDS = 0.2

Stale = dict[str, list[str]]
"""Stage to the reasons DVC gives for running it, in data order; empty when all is up to date."""


def stale(workspace: Workspace) -> Stale:
    """Ask DVC. No server, no Prefect: about a second.

    Raises:
        FactoryError: there is no source list yet, or dvc.yaml is broken.
    """
    from dvc.exceptions import DvcException

    if not workspace.sources.exists():
        raise FactoryError("no source list yet: run `flawfactory build --source FOLDER`")
    locked, current = locked_params(workspace.root), read_params(workspace.root) or {}
    try:
        with reading(workspace) as repo:
            found: dict[str, Any] = repo.status()
    except DvcException as error:
        raise as_ours(error) from error
    return {
        name: list(reasons(found[name], locked[name], current)) if name in locked else [NOT_BUILT]
        for name in STAGES
        if name in found
    }


def environment() -> dict[str, str]:
    """For DVC's child processes: `python` is this interpreter, and they watch this process."""
    here = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": os.pathsep.join([here, os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        WATCHED_PARENT: str(os.getpid()),
    }


def run_stage(
    workspace: Workspace,
    name: str,
    timeout_seconds: float,
    on_line: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> int:
    """``dvc repro --single-item NAME`` in a process group of its own; returns its exit code.

    Whatever ends this call - an exception, the timeout, a signal - ends the group too.

    Raises:
        FactoryError: the stage ran past the timeout.
    """
    progress_file = workspace.reports / f"{name}.progress.json"
    progress_file.unlink(missing_ok=True)
    process = subprocess.Popen(  # noqa: S603 - a stage's name from our own list
        [sys.executable, "-m", "dvc", "repro", "--single-item", name],
        cwd=workspace.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    reader = Thread(target=_forward, args=(process, on_line), daemon=True)
    reader.start()
    deadline = time.monotonic() + timeout_seconds
    try:
        while (code := process.poll()) is None:
            if progress := Progress.read(progress_file):
                on_progress(progress)
            if time.monotonic() > deadline:
                raise FactoryError(f"{name}: stopped after {timeout_seconds / 60:.0f} minutes")
            time.sleep(_POLL_SECONDS)
    finally:
        _end_group(process)
        reader.join(timeout=5)
    if progress := Progress.read(progress_file):
        on_progress(progress)
    return code


def _forward(process: subprocess.Popen[str], on_line: Callable[[str], None]) -> None:
    for line in process.stdout or ():
        if text := line.rstrip():
            on_line(text)


def _end_group(process: subprocess.Popen[str]) -> None:
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, signal_number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def build_lock(workspace: Workspace, on_wait: Callable[[], None]) -> Iterator[None]:
    """One build at a time in a workspace; a second one waits its turn."""
    import fcntl

    workspace.reports.mkdir(parents=True, exist_ok=True)
    with (workspace.reports / "build.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
