"""What a build does, step by step, without Prefect: `flows.build` is the same as a Prefect flow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import repair
from flows.dvc_locks import writers
from flows.locks import Patience, Say, wait_for_dvc
from flows.report import StageReport, failed_checks, read_report
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

Watcher = Callable[[Progress], None]
_watchers: list[Watcher] = []
_tellers: list[Say] = []
"""Who wants to see progress and be told what a build waits for: the command line's display, in the
build's own process."""


class StageFailed(FactoryError):
    """A stage's gate failed, or the stage could not run."""


def watch(watcher: Watcher, tell: Say) -> None:
    """Show progress of builds that run in this process to `watcher`; `tell` what they wait for."""
    _watchers.append(watcher)
    _tellers.append(tell)


@dataclass(frozen=True)
class StageRun:
    """One stage that ran."""

    stage: str
    code: int
    """DVC's exit code."""
    last_lines: list[str]
    report: StageReport | None
    started: float
    """Seconds since the epoch."""

    def raise_for_failure(self) -> None:
        """Raises: StageFailed: with the failed expectations, or the stage's last words."""
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
) -> StageRun:
    """Run one stage through DVC, after DVC commands that others run.

    Args:
        workspace: the checkout.
        stage: its name.
        say: takes the stage's lines, and what is waited for.
        on_progress: told of progress, beside those who `watch`.
    """
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        say(line)

    def tell(words: str) -> None:
        for teller in (*_tellers, say):
            teller(words)

    def progressed(progress: Progress) -> None:
        for watcher in (*_watchers, on_progress):
            watcher(progress)

    timeout = load_settings(workspace).stage_timeout_minutes * 60
    started = time.time()
    while True:
        wait_for_dvc(workspace, Patience(tell))
        lines.clear()
        code = repair.run_stage(workspace, stage, timeout, on_line, progressed)
        # DVC fails on paths of a command that began in the same moment; that is to be waited for.
        if code == 0 or not writers(workspace):
            return StageRun(stage, code, lines[-5:], read_report(workspace, stage), started)


def run_stage(root: Path, stage: str) -> None:
    """Run one stage; raises StageFailed. Its lines go nowhere: what failed is in the exception."""
    run(Workspace(root), stage, lambda line: None).raise_for_failure()


def run_stale(workspace: Workspace, run_stage: Callable[[Path, str], None]) -> list[str]:
    """Run what is stale, in order; returns the stages that ran."""
    ran: list[str] = []
    for stage in STAGES:
        # Asked anew before each stage: an upstream that gave the same bytes wakes nobody.
        if stage in repair.stale_or_damaged(workspace):
            run_stage(workspace.root, stage)
            ran.append(stage)
    return ran
