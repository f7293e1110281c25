"""Ask DVC which stages are stale and why, and run one stage."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows import children
from flows.dvc_reading import open_for_reading
from flows.reasons import NOT_BUILT, locked_params, reasons
from flows.repository import UnusableCheckout, translate_errors
from flows.retries import find_retries
from flows.sources import require_source_list
from stages import STAGES
from stages.catalogue import read_params
from stages.engine.execution.leash import LEASHED
from stages.engine.execution.progress import Progress
from stages.engine.workspace import FactoryError, Workspace

_DVC = ("dvc", "--wait-for-lock", "repro", "--single-item")
_POLL_SECONDS = 0.2

StaleStages = dict[str, list[str]]
"""Stale stages in data order, each with DVC's reasons for running it; empty when up to date."""


def find_stale(workspace: Workspace) -> StaleStages:
    """Find the stale stages by asking DVC, which takes about a second and no Prefect server.

    Takes none of DVC's locks, so it works while a stage runs.

    Raises:
        FactoryError: there is no source list yet, or dvc.yaml is broken.
    """
    if not workspace.sources.exists():
        require_source_list(workspace)
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
            with translate_errors(workspace), open_for_reading(workspace) as repo:
                return repo.status()
        except UnusableCheckout:
            raise
        except (FactoryError, OSError):
            if not tries_left:
                raise
        time.sleep(_POLL_SECONDS)  # a running stage was writing what DVC read
    raise AssertionError("the last try returns or raises")


def child_environment() -> dict[str, str]:
    """Build the environment of DVC's processes: `python` is this interpreter, stdin a pipe."""
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
    """Run ``dvc repro --single-item NAME`` in its own process group; return its exit code.

    A stage with photos to try again runs even if DVC takes it to be up to date.

    Whatever ends this call - an exception, the timeout, a signal, SIGKILL - ends the group too.

    Raises:
        FactoryError: the stage ran past the timeout.
    """
    progress_file = workspace.reports / f"{name}.progress.json"
    progress_file.unlink(missing_ok=True)
    force = ["--force"] if name in find_retries(workspace) else []
    process = children.start([*_DVC, *force, name], workspace.root, child_environment())
    reader = children.forward(process, on_line)
    deadline = time.monotonic() + timeout_seconds
    try:
        while (code := process.poll()) is None:
            if progress := Progress.read(progress_file):
                on_progress(progress)
            if time.monotonic() > deadline:
                raise FactoryError(
                    f"{name}: stopped after {timeout_seconds / 60:.0f} minutes, "
                    f"{_describe_stop(Progress.read(progress_file))}; raise "
                    "`stage_timeout_minutes` in factory.toml if nothing hangs"
                )
            time.sleep(_POLL_SECONDS)
    finally:
        children.end(process)
        reader.join(timeout=5)
    if progress := Progress.read(progress_file):
        on_progress(progress)
    return code


def _describe_stop(progress: Progress | None) -> str:
    """Say how far a stage was that is stopped."""
    if progress is None:
        return "before it had read its inputs"
    if progress.done == progress.kept < progress.total:
        return f"before it had computed a photo ({progress.line()})"
    return f"at {progress.line()}"
