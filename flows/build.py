"""Run a build as a Prefect flow: one task per DVC stage, with its gate's verdict as an artifact.

``dvc repro`` alone gives the same bytes, and so do the same steps without Prefect (`flows.steps`).
The flow adds tasks, logs and artifacts to the UI of a Prefect server. None of these can fail a
build: when the server goes away, the build goes on and the rest of it is not shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Cancelled
from pydantic import Field

from flows import spending, steps
from flows.cancelling import is_cancelled, stop_when_cancelled
from flows.contact_sheet import contact_sheet
from flows.late_runs import skip_late_runs
from flows.leftovers import remove_what_was_left
from flows.locks import lock_when_idle
from flows.report import gate_table
from flows.run_logs import shorten_tracebacks
from flows.sources import update_source_list
from stages.engine.execution.progress import Progress
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import parse_source

_ARTIFACT_SECONDS = 5.0

shorten_tracebacks()

_unreachable_runs: set[str | None] = set()
"""Flow runs whose server went away; nothing more is sent to it."""


def _tell_server(ask: Callable[..., Any], *values: Any, **more: Any) -> Any:
    """Call a function that asks the server for something; log a warning and return None if it
    fails."""
    run = flow_run.id
    if run in _unreachable_runs:
        return None
    try:
        return ask(*values, **more)
    except Exception as error:
        get_run_logger().warning(f"not done in Prefect: {type(error).__name__}: {error}")
        if isinstance(error, httpx.TransportError):
            _unreachable_runs.add(run)
        return None


class _ProgressArtifact:
    """Show a stage's progress as a Prefect artifact, updated every few seconds."""

    def __init__(self, stage: str) -> None:
        self._id: UUID | None = _tell_server(
            create_progress_artifact, 0.0, key=f"{stage}-progress", description=stage
        )
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        finished = progress.done == progress.total
        if self._id and (finished or time.monotonic() - self._last > _ARTIFACT_SECONDS):
            share = 100.0 * progress.done / max(1, progress.total)
            updated = _tell_server(
                update_progress_artifact, self._id, share, description=progress.line()
            )
            self._id = self._id if updated else None  # after a failure, stop trying
            self._last = time.monotonic()


@task(task_run_name="{stage}")
def run_stage(root: Path, stage: str, wait_minutes: float | None = None) -> None:
    """Run one stage through DVC and publish its gate's table and the cost of its model calls.

    Args:
        root: root of the checkout.
        stage: name of the stage.
        wait_minutes: maximum time to wait for DVC commands; None waits as long as it takes.

    Raises:
        FactoryError: the time to wait is up, or the stage ran past its timeout.
        StageFailed: the stage or its gate failed; names the failed expectations, or quotes the
            stage's last lines.
    """
    workspace = Workspace(root)
    say = get_run_logger().info
    run = steps.run(workspace, stage, say, _ProgressArtifact(stage), wait_minutes)
    if report := run.report:
        verdict = "passed" if report.gate_passed else "FAILED"
        words = f"Gate of `{stage}`: {verdict}"
        _tell_server(
            create_table_artifact, gate_table(report), key=f"{stage}-gate", description=words
        )
    if spent := spending.read_accounts(workspace, run.started, stage):
        rows, words = spending.account_rows(spent), spending.describe_total(workspace)
        _tell_server(create_table_artifact, rows, key=f"{stage}-calls", description=words)
    run.raise_for_failure()


@task(task_run_name="contact sheet")
def publish_contact_sheet(root: Path) -> None:
    """Publish the first accepted pairs as one picture in Prefect's UI."""

    def create() -> None:
        sheet = contact_sheet(Workspace(root))
        create_image_artifact(sheet, key="contact-sheet", description="Photo, flaw, mask")

    _tell_server(create)


@task(task_run_name="scan")
def scan_sources(root: Path, sources: list[str]) -> None:
    """Append the new photos of the sources to the source list."""
    given = [parse_source(text) for text in sources]
    get_run_logger().info(update_source_list(Workspace(root), given))


@flow(name="flawfactory-build", validate_parameters=True)
def build(
    root: str,
    sources: list[str] | None = None,
    wait_minutes: Annotated[float | None, Field(ge=0)] = None,
) -> list[str] | State[Any]:
    """Bring the data set up to date; return the stages that ran, or the state ``Cancelled``.

    Args:
        root: root of the checkout.
        sources: folders, lists of URLs and ``s3://BUCKET/PREFIX`` to scan first. None leaves the
            source list as it is.
        wait_minutes: maximum time to wait for another build, and for DVC commands before each
            stage. The run then fails. None waits as long as it takes.
    """
    with stop_when_cancelled(flow_run.id):
        try:
            return _build(root, sources, wait_minutes)
        except TerminationSignal:
            if not is_cancelled(flow_run.id):
                raise
            # Not left to the runner, which takes seconds to set the state.
            return Cancelled(message="Cancelled; what was finished is kept")


def _build(root: str, sources: list[str] | None, wait_minutes: float | None) -> list[str]:
    workspace = Workspace(Path(root))
    with lock_when_idle(workspace, get_run_logger().info, wait_minutes):
        _tell_server(skip_late_runs, flow_run.id)
        remove_what_was_left(workspace)
        if sources:
            scan_sources(workspace.root, sources)
        ran = steps.run_stale(workspace, run_stage, wait_minutes)
        if ran:
            publish_contact_sheet(workspace.root)
        return ran
