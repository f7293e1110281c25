"""`flawfactory status`: show what was built, what is stale and the gates' verdicts."""

from __future__ import annotations

from flows import pipeline
from flows.console import build_table, console, say
from flows.dvc_locks import running_stages
from flows.reasons import NOT_BUILT
from flows.report import failed_checks, read_reports, warnings
from flows.retries import find_given_up, find_retries
from flows.spending import spending_table
from stages import STAGES
from stages.engine.execution.progress import Progress
from stages.engine.workspace import Workspace


def status() -> None:
    """Show the last run of every stage, failed expectations, warnings and what is stale."""
    workspace = Workspace.find()
    found = read_reports(workspace)
    if found:
        console.print(build_table(found))
    if calls := spending_table(workspace, since=0.0):
        console.print(calls)
    for report in found:
        for line in failed_checks(report):
            console.print(f"{report.stage}: {line}", markup=False)
        for line in warnings(report):
            console.print(f"{report.stage}: warning: {line}", markup=False)
    for stage, holder in running_stages(workspace).items():
        progress = Progress.read(workspace.reports / f"{stage}.progress.json")
        words = progress.line() if progress else stage
        say(f"running: {words}, by {holder}")
    lines = stale_lines(pipeline.find_stale(workspace))
    lines += [
        f"{stage}: {line}" for stage, words in find_retries(workspace).items() for line in words
    ]
    lines = lines or ["up to date"]
    lines += [f"{stage}: {line}" for stage, line in find_given_up(workspace).items()]
    for line in lines:
        console.print(line, markup=False)


def stale_lines(stale: pipeline.StaleStages) -> list[str]:
    """Write a line per stale stage with the reasons, and one line for all that were never built."""
    missing = [stage for stage, reasons in stale.items() if reasons == [NOT_BUILT]]
    lines = [
        f"stale: {stage}: {', '.join(reasons)}"
        for stage, reasons in stale.items()
        if stage not in missing
    ]
    if len(missing) == len(STAGES):
        lines.append("nothing is built yet: run `flawfactory build`")
    elif missing:
        lines.append(f"{NOT_BUILT}: {', '.join(missing)}: run `flawfactory build`")
    return lines
