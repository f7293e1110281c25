"""`flawfactory status`: what is there, what is stale, what the gates said."""

from __future__ import annotations

from flows import pipeline
from flows.console import build_table, console, say
from flows.dvc_locks import running
from flows.report import failed_checks, reports
from flows.spending import spending_table
from stages.engine.progress import Progress
from stages.engine.workspace import Workspace


def status() -> None:
    """Show the last run of every stage, failed expectations, and what is out of date."""
    workspace = Workspace.find()
    found = reports(workspace)
    console.print(build_table(found))
    if calls := spending_table(workspace, since=0.0):
        console.print(calls)
    for report in found:
        for line in failed_checks(report):
            console.print(f"{report.stage}: {line}", markup=False)
    for stage, holder in running(workspace).items():
        progress = Progress.read(workspace.reports / f"{stage}.progress.json")
        words = progress.line() if progress else stage
        say(f"running: {words}, by {holder}")
    stale = pipeline.stale(workspace)
    for stage, reasons in stale.items():
        console.print(f"stale: {stage}: {', '.join(reasons)}", markup=False)
    if not stale:
        console.print("up to date")
