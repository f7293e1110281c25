"""`flawfactory plan`: show what a build would run, and why."""

from __future__ import annotations

import shutil

from rich.filesize import decimal
from rich.table import Table

from flows import pipeline
from flows.console import console
from flows.estimates import estimate_calls, estimate_table
from flows.planning import StagePlan, plan_build
from flows.retries import find_retries
from stages.engine.workspace import Workspace


def plan() -> None:
    """Show what a build would compute and why, the time and disk space it takes at the last build's
    rate, its calls to models and their cost."""
    workspace = Workspace.find()
    plans = plan_build(workspace, find_retries(workspace) | pipeline.find_stale(workspace))
    if not plans:
        console.print("up to date: a build would run nothing")
        return
    console.print(plan_table(plans))
    todo = {item.stage: item.to_compute for item in plans}
    if estimates := estimate_calls(workspace, todo):
        console.print(estimate_table(workspace, estimates))
    free = shutil.disk_usage(workspace.data).free
    console.print(f"free disk: {decimal(free)}")


def plan_table(plans: list[StagePlan]) -> Table:
    """Build a table with a row per stage: why it runs, photos, what it computes, time and disk."""
    table = Table(title="flawfactory plan")
    for name in ("stage", "why", "photos", "to compute", "about", "disk"):
        table.add_column(name, justify="left" if name in ("stage", "why") else "right")
    for item in plans:
        bound = "" if item.exact else "<= "
        table.add_row(
            item.stage,
            "\n".join(item.reasons),
            str(item.photos),
            f"{bound}{item.to_compute}",
            "unknown" if item.seconds is None else f"{bound}{item.seconds:.0f} s",
            "unknown" if item.disk_bytes is None else f"{bound}{decimal(round(item.disk_bytes))}",
        )
    return table
