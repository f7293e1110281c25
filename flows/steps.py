"""The steps of a build, without Prefect. `flows.build` runs the same steps as a Prefect flow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import repair
from flows.dvc_locks import writers
from flows.locks import Say, Waiter, wait_for_dvc
from flows.report import StageReport, failed_checks, read_report
from flows.space import require_space
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

Watcher = Callable[[Progress], None]
_watchers: list[Watcher] = []
_message_handlers: list[Say] = []
"""Callbacks for the progress of builds in this process and for what they wait for (`watch`)."""


class StageFailed(FactoryError):
    """A stage's gate failed, or the stage could not run."""


def watch(watcher: Watcher, on_message: Say) -> None:
    """Send this process's progress to `watcher`, and what its builds wait for to `on_message`."""
    _watchers.append(watcher)
    _message_handlers.append(on_message)


@dataclass(frozen=True)
class StageRun:
    """The outcome of running one stage."""

    stage: str
    code: int
    """DVC's exit code."""
    last_lines: list[str]
    report: StageReport | None
    started: float
    """Seconds since the epoch."""

    def raise_for_failure(self) -> None:
        """Raise if the stage failed.

        Raises:
            StageFailed: names the failed expectations, or quotes the stage's last lines.
        """
        if self.code == 0:
            return
        failed = self.last_lines
        if self.report and not self.report.gate_passed:
            failed = failed_checks(self.report)
        raise StageFailed(f"{self.stage} failed:\n  " + "\n  ".join(failed))


def run(
    workspace: Workspace,
    stage: str,
    say: Say,
    on_progress: Watcher = lambda progress: None,
    wait_minutes: float | None = None,
) -> StageRun:
    """Run one stage through DVC, after waiting for other DVC commands in the workspace.

    Args:
        workspace: the checkout.
        stage: name of the stage.
        say: receives the stage's output line by line, and what the step waits for.
        on_progress: receives progress, in addition to the callbacks given to `watch`.
        wait_minutes: maximum time to wait for DVC commands; None waits as long as it takes.

    Raises:
        FactoryError: the time to wait is up, or the stage ran past its timeout.
    """
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        say(line)

    def announce(words: str) -> None:
        for handler in (*_message_handlers, say):
            handler(words)

    def report_progress(progress: Progress) -> None:
        for watcher in (*_watchers, on_progress):
            watcher(progress)

    timeout = load_settings(workspace).stage_timeout_minutes * 60
    started = time.time()
    while True:
        wait_for_dvc(workspace, Waiter(announce, wait_minutes))
        lines.clear()
        code = repair.run_stage(workspace, stage, timeout, on_line, report_progress)
        # DVC fails if another command locked the same paths meanwhile: wait for it and retry.
        if code == 0 or not writers(workspace):
            return StageRun(stage, code, lines[-5:], read_report(workspace, stage), started)


def run_stage(root: Path, stage: str, wait_minutes: float | None = None) -> None:
    """Run one stage and discard its output.

    Raises:
        StageFailed: the stage or its gate failed; says why.
        FactoryError: as in `run`.
    """
    run(Workspace(root), stage, lambda line: None, wait_minutes=wait_minutes).raise_for_failure()


RunStage = Callable[[Path, str, float | None], None]
"""Runs one stage, given root, stage and `wait_minutes`."""


def run_stale(
    workspace: Workspace, run_stage: RunStage, wait_minutes: float | None = None
) -> list[str]:
    """Run the stale stages in order; return those that ran.

    Args:
        workspace: the checkout.
        run_stage: runs one stage.
        wait_minutes: maximum time that a stage waits for DVC commands; None waits as long as it
            takes.

    Raises:
        FactoryError: the disk has no room for their results.
    """
    ran: list[str] = []
    for stage in STAGES:
        # Check again before each stage: if an upstream stage gave the same bytes, it is not stale.
        stale = repair.find_stale_or_damaged(workspace)
        if stage in stale:
            if not ran:
                require_space(workspace, stale)
            run_stage(workspace.root, stage, wait_minutes)
            ran.append(stage)
    return ran
