"""The whole build as one Prefect flow: a task a DVC stage, its gate's verdict as an artifact.

``dvc repro`` alone gives the same bytes. The flow adds order with a task a stage, progress,
artifacts, timeouts, one build at a time, and no process left behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import (
    create_image_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from flows import pipeline, repair, spending
from flows.contact_sheet import contact_sheet
from flows.report import failed_checks, gate_table, read_report
from flows.sources import update_source_list
from stages import STAGES
from stages.engine.progress import Progress
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

_ARTIFACT_SECONDS = 5.0

Watcher = Callable[[Progress], None]
_watchers: list[Watcher] = []
"""Who else wants to see progress: the command line's display, in the flow's own process."""


class StageFailed(FactoryError):
    """A stage's gate failed, or the stage could not run."""


def watch(watcher: Watcher) -> None:
    """Show progress of flows that run in this process to `watcher`."""
    _watchers.append(watcher)


class _ProgressArtifact:
    """One Prefect progress artifact a stage, updated every few seconds."""

    def __init__(self, stage: str) -> None:
        created = create_progress_artifact(0.0, key=f"{stage}-progress", description=stage)
        self._id = cast(UUID, created)  # not a coroutine: tasks of this flow are synchronous
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        for watcher in _watchers:
            watcher(progress)
        finished = progress.done == progress.total
        if finished or time.monotonic() - self._last > _ARTIFACT_SECONDS:
            self._last = time.monotonic()
            share = 100.0 * progress.done / max(1, progress.total)
            update_progress_artifact(self._id, share, description=progress.line())


@task(task_run_name="{stage}")
def run_stage(root: Path, stage: str) -> None:
    """Run one stage through DVC and publish its gate's table and what its calls cost.

    Raises:
        StageFailed: with the failed expectations, or the stage's last words.
    """
    workspace, logger = Workspace(root), get_run_logger()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        logger.info(line)

    timeout = load_settings(workspace).stage_timeout_minutes * 60
    start = time.time()
    code = repair.run_stage(workspace, stage, timeout, on_line, _ProgressArtifact(stage))
    report = read_report(workspace, stage)
    if report is not None:
        verdict = "passed" if report.gate_passed else "FAILED"
        create_table_artifact(
            gate_table(report), key=f"{stage}-gate", description=f"Gate of `{stage}`: {verdict}"
        )
    if spent := spending.accounts(workspace, start, stage):
        create_table_artifact(
            spending.rows(spent), key=f"{stage}-calls", description=spending.total(workspace)
        )
    if code != 0:
        failed = failed_checks(report) if report and not report.gate_passed else lines[-5:]
        raise StageFailed(f"{stage} failed:\n  " + "\n  ".join(failed))


@task(task_run_name="contact sheet")
def publish_contact_sheet(root: Path) -> None:
    """The first accepted pairs as one picture in Prefect's UI."""
    create_image_artifact(
        contact_sheet(Workspace(root)), key="contact-sheet", description="Photo, flaw, mask"
    )


@task(task_run_name="scan")
def scan_sources(root: Path, sources: list[str]) -> None:
    """Append what is new in the folders to the source list."""
    get_run_logger().info(update_source_list(Workspace(root), [Path(s) for s in sources]))


@flow(name="flawfactory-build", validate_parameters=True)
def build(root: str, sources: list[str] | None = None) -> list[str]:
    """Bring the data set up to date; returns the stages that ran.

    Args:
        root: the checkout.
        sources: folders to scan first; None takes the source list as it is.
    """
    workspace, logger = Workspace(Path(root)), get_run_logger()
    with pipeline.build_lock(workspace, lambda: logger.info("waiting for another build")):
        if sources:
            scan_sources(workspace.root, sources)
        ran: list[str] = []
        for stage in STAGES:
            # Asked anew before each stage: an upstream that gave the same bytes wakes nobody.
            if stage in repair.stale_or_damaged(workspace):
                run_stage(workspace.root, stage)
                ran.append(stage)
        if ran:
            publish_contact_sheet(workspace.root)
        return ran
