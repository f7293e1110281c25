"""`flawfactory plan`: what a build would run, and why."""

from __future__ import annotations

from rich.table import Table

from flows import pipeline
from flows.console import console
from flows.planning import StagePlan, plan_build
from stages.engine.workspace import Workspace


def plan() -> None:
    """Say what a build would compute, why, and how long it took last time."""
    workspace = Workspace.find()
    plans = plan_build(workspace, pipeline.stale(workspace))
    if not plans:
        console.print("up to date: a build would run nothing")
        return
    table = Table(title="flawfactory plan")
    for name in ("stage", "why", "photos", "to compute", "about"):
        table.add_column(name, justify="left" if name in ("stage", "why") else "right")
    for item in plans:
        table.add_row(item.stage, "\n".join(item.reasons), *_numbers(item))
    console.print(table)


def _numbers(item: StagePlan) -> tuple[str, str, str]:
    bound = "" if item.exact else "<= "
    about = "unknown" if item.seconds is None else f"{bound}{item.seconds:.0f} s"
    return str(item.photos), f"{bound}{item.to_compute}", about
