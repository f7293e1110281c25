"""`flawfactory scan`, `locate` and `withdraw`: change the source list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.arguments import parse_folder
from flows.console import console, say
from flows.locks import Waiter, build_lock
from flows.sources import record_location, track_source_list, update_source_list
from stages.engine.workspace import Workspace


def scan(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of photos, or lists of URLs.", parser=parse_folder)
    ],
    batch: Annotated[str | None, typer.Option(help="Name of this delivery.")] = None,
) -> None:
    """Append the photos of folders to the source list for the next build."""
    workspace = Workspace.find()
    with build_lock(workspace, Waiter(say)):
        say(update_source_list(workspace, folders, batch))


def locate(
    folder: Annotated[Path, typer.Argument(help="Path of the folder on this machine.")],
    name: Annotated[str | None, typer.Option("--as", help="Its name in the list.")] = None,
) -> None:
    """Record where a folder of the list is on this machine; scan and compute nothing."""
    console.print(record_location(Workspace.find(), folder, name), markup=False)


def withdraw(
    what: Annotated[str, typer.Argument(help="A photo's key, or its path as listed.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the list.")],
) -> None:
    """Mark a photo as withdrawn: the next build leaves it out and rewrites its shards."""
    from stages.ingest.sources import withdraw as mark

    workspace = Workspace.find()
    with build_lock(workspace, Waiter(say)):
        marked = mark(workspace, what, reason)
        track_source_list(workspace)
    for entry in marked:
        console.print(f"withdrawn: {entry.key} {entry.name}", markup=False)
