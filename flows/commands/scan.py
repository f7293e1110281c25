"""`flawfactory scan`, `locate` and `withdraw`: the source list."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.console import console
from flows.sources import locate as remember
from flows.sources import track, update_source_list
from stages.engine.workspace import Workspace


def scan(
    folders: Annotated[list[Path], typer.Argument(help="Folders of photos, nested.")],
    batch: Annotated[str | None, typer.Option(help="Name of this delivery.")] = None,
) -> None:
    """Append the photos of folders to the source list; the next build works on them."""
    console.print(update_source_list(Workspace.find(), folders, batch))


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
    for entry in mark(workspace, what, reason):
        console.print(f"withdrawn: {entry.key} {entry.name}", markup=False)
    track(workspace)
