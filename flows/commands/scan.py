"""`flawfactory scan`, `locate` and `withdraw`: the source list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.arguments import folder
from flows.console import console, say
from flows.locks import Patience, build_lock
from flows.sources import locate as remember
from flows.sources import track, update_source_list
from stages.engine.workspace import Workspace


def scan(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of photos, nested.", parser=folder)
    ],
    batch: Annotated[str | None, typer.Option(help="Name of this delivery.")] = None,
) -> None:
    """Append the photos of folders to the source list; the next build works on them."""
    workspace = Workspace.find()
    with build_lock(workspace, Patience(say)):
        say(update_source_list(workspace, folders, batch))


def locate(
    folder: Annotated[Path, typer.Argument(help="Where a folder of the list lies here.")],
    name: Annotated[str | None, typer.Option("--as", help="Its name in the list.")] = None,
) -> None:
    """Say where a folder of photos lies on this machine; nothing is computed or listed anew."""
    console.print(remember(Workspace.find(), folder, name), markup=False)


def withdraw(
    what: Annotated[str, typer.Argument(help="A photo's key, or its path as listed.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the list.")],
) -> None:
    """Mark a photo as withdrawn: the next build leaves it out and rewrites its shards."""
    from stages.ingest.sources import withdraw as mark

    workspace = Workspace.find()
    with build_lock(workspace, Patience(say)):
        marked = mark(workspace, what, reason)
        track(workspace)
    for entry in marked:
        console.print(f"withdrawn: {entry.key} {entry.name}", markup=False)
