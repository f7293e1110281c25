"""`flawfactory scan`, `locate` and `withdraw`: change the source list."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.arguments import Wait, parse_photo, parse_sources
from flows.console import console, say
from flows.locks import lock_when_idle
from flows.sources import record_location, track_source_list, update_source_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import BucketPrefix


def scan(
    folders: Annotated[
        list[str],
        typer.Argument(help="Folders of photos, lists of URLs, or s3://BUCKET/PREFIX."),
    ],
    batch: Annotated[str | None, typer.Option(help="Name of this delivery.")] = None,
    wait: Wait = None,
) -> None:
    """Append the photos of folders to the source list for the next build."""
    sources = parse_sources(folders)
    workspace = Workspace.find()
    with lock_when_idle(workspace, say, wait):
        say(update_source_list(workspace, sources, batch))


def locate(
    folder: Annotated[str, typer.Argument(help="Path of the folder on this machine.")],
    name: Annotated[str | None, typer.Option("--as", help="Its name in the list.")] = None,
) -> None:
    """Record where a folder of the list is on this machine; scan and compute nothing."""
    (place,) = parse_sources([folder])
    if isinstance(place, BucketPrefix):
        raise FactoryError(
            f"{place} needs no place: `flawfactory scan {place}` fetches what is not here"
        )
    console.print(record_location(Workspace.find(), place, name), markup=False)


def withdraw(
    what: Annotated[
        str, typer.Argument(help="A photo's key, its path as listed, or its address in a bucket.")
    ],
    reason: Annotated[str, typer.Option(help="Why; kept in the list.")],
    wait: Wait = None,
) -> None:
    """Mark a photo as withdrawn: the next build leaves it out and rewrites its shards."""
    from stages.ingest.sources import withdraw as mark

    workspace = Workspace.find()
    with lock_when_idle(workspace, say, wait):
        marked = mark(workspace, parse_photo(what), reason)
        track_source_list(workspace)
    for entry in marked:
        say(f"withdrawn: {entry.key} {entry.name}")
        say(f"next: flawfactory build, then flawfactory gc --purge {entry.key} to erase it")
