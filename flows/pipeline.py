"""The pipeline as DVC sees it: what is stale and why, and running one stage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import children
from flows.dvc_reading import reading
from flows.reasons import NOT_BUILT, locked_params, reasons
from flows.repository import NotUsable, told_in_a_line
from flows.sources import require_list
from stages import STAGES
from stages.catalogue import read_params
from stages.engine.execution.leash import LEASHED
from stages.engine.execution.progress import Progress
from stages.engine.workspace import FactoryError, Workspace

_DVC = ("dvc", "--wait-for-lock", "repro", "--single-item")
_POLL_SECONDS = 0.2

Stale = dict[str, list[str]]
"""Stage to the reasons DVC gives for running it, in data order; empty when all is up to date."""


def stale(workspace: Workspace) -> Stale:
    """Ask DVC. No server, no Prefect: about a second. Takes no lock of DVC's: a stage may run.

    Raises:
        FactoryError: there is no source list yet, or dvc.yaml is broken.
    """
    if not workspace.sources.exists():
        require_list(workspace)
        raise FactoryError("no source list yet: run `flawfactory build --source FOLDER`")
    locked, current = locked_params(workspace.root), read_params(workspace.root) or {}
    found = _status(workspace)
    return {
        name: list(reasons(found[name], locked[name], current)) if name in locked else [NOT_BUILT]
        for name in STAGES
        if name in found
    }


def _status(workspace: Workspace) -> dict[str, Any]:
    for tries_left in (2, 1, 0):
        try:
            with told_in_a_line(workspace), reading(workspace) as repo:
                return repo.status()
        except NotUsable:
            raise
        except (FactoryError, OSError):
            if not tries_left:
                raise
        time.sleep(_POLL_SECONDS)  # a stage at work was writing what DVC read
    raise AssertionError("the last try returns or raises")


def environment() -> dict[str, str]:
    """For DVC's child processes: `python` is this interpreter, standard input is a leash."""
    here = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": os.pathsep.join([here, os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        LEASHED: "1",
    }


def run_stage(
    workspace: Workspace,
    name: str,
    timeout_seconds: float,
    on_line: Callable[[str], None],
    on_progress: Callable[[Progress], None],
) -> int:
    """``dvc repro --single-item NAME`` in a process group of its own; returns its exit code.

    Whatever ends this call - an exception, the timeout, a signal, SIGKILL - ends the group too.

    Raises:
        FactoryError: the stage ran past the timeout.
    """
    progress_file = workspace.reports / f"{name}.progress.json"
    progress_file.unlink(missing_ok=True)
    process = children.start([*_DVC, name], workspace.root, environment())
    reader = children.forward(process, on_line)
    deadline = time.monotonic() + timeout_seconds
    try:
        while (code := process.poll()) is None:
            if progress := Progress.read(progress_file):
                on_progress(progress)
            if time.monotonic() > deadline:
                raise FactoryError(f"{name}: stopped after {timeout_seconds / 60:.0f} minutes")
            time.sleep(_POLL_SECONDS)
    finally:
        children.end(process)
        reader.join(timeout=5)
    if progress := Progress.read(progress_file):
        on_progress(progress)
    return code
