"""`flawfactory schedule`: builds on a schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console import console
from stages.engine.workspace import FactoryError, Workspace


def schedule(
    source: Annotated[list[Path] | None, typer.Option("--source", "-s")] = None,
    cron: Annotated[str | None, typer.Option(help='For example "0 3 * * *".')] = None,
    every: Annotated[int | None, typer.Option(help="Minutes between looks at the folders.")] = None,
) -> None:
    """Serve the build: scan the folders and bring the data set up to date, again and again."""
    if (cron is None) == (every is None):
        raise FactoryError("give --cron or --every")
    from flows.schedule import serve_build

    workspace = Workspace.find()
    folders = [str(folder.resolve()) for folder in source or []]
    console.print(f"serving builds of {workspace.root}; stop with Ctrl-C", markup=False)
    serve_build(workspace, folders, cron=cron, every_minutes=every)
