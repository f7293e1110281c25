"""`flawfactory schedule`: run builds on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console import say
from stages.engine.workspace import FactoryError, Workspace


def schedule(
    source: Annotated[
        list[Path] | None,
        typer.Option("--source", "-s", help="Folder to scan before each build. Repeatable."),
    ] = None,
    cron: Annotated[str | None, typer.Option(help='For example "0 3 * * *".')] = None,
    every: Annotated[int | None, typer.Option(help="Minutes between builds.")] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of --cron, such as Europe/Berlin; default: this machine's."),
    ] = None,
) -> None:
    """Scan the folders and bring the data set up to date, again and again, until interrupted."""
    if (cron is None) == (every is None):
        raise FactoryError("give either --cron or --every")
    from flows.schedule import Job, serve
    from flows.timing import Timing, local_timezone

    workspace = Workspace.find()
    folders = [folder.resolve() for folder in source or []]
    for folder in folders:
        if not folder.is_dir():
            raise FactoryError(f"--source {folder}: no such folder; give a folder of photos")
    timing = Timing(cron=cron, every_minutes=every, timezone=timezone or local_timezone())
    runs = ", ".join(f"{run:%a %d %b %Y %H:%M %Z}" for run in timing.next_runs())
    words = f'"{cron}"' if cron else f"every {every} minutes"
    say(f"builds of {workspace.root}, {words}, time zone {timing.timezone}")
    say(f"next: {runs}; stop with Ctrl-C")
    job = Job(root=workspace.root, folders=[str(folder) for folder in folders], timing=timing)
    serve(job, say)
