"""`flawfactory schedule`: run builds on a schedule."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.arguments import Wait, parse_sources
from flows.console import say
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import BucketPrefix, SourceLocation
from stages.ingest.buckets.listing import check_bucket
from stages.ingest.urls.listing import is_url_list


def schedule(
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--source",
            "-s",
            help="Folder, list of URLs or s3://BUCKET/PREFIX to scan before each build. "
            "Repeatable.",
        ),
    ] = None,
    cron: Annotated[str | None, typer.Option(help='For example "0 3 * * *".')] = None,
    every: Annotated[int | None, typer.Option(help="Minutes between builds.")] = None,
    watch: Annotated[
        float | None,
        typer.Option(
            help="Look for new photos every so many minutes and build when they have arrived; "
            "alone or beside --cron or --every."
        ),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option(
            help="URL that the Prefect server posts to when a build fails.",
            envvar="FLAWFACTORY_NOTIFY",
            show_envvar=True,
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="Time zone of --cron, such as Europe/Berlin; default: this machine's."),
    ] = None,
    wait: Wait = None,
) -> None:
    """Scan the folders and bring the data set up to date, again and again, until interrupted."""
    if (cron is not None and every is not None) or (cron, every, watch) == (None, None, None):
        raise FactoryError("give --cron or --every, or --watch, alone or beside one of them")
    from flows.schedule import Job, serve
    from flows.timing import Timing, local_timezone

    workspace = Workspace.find()
    folders = [_check(given) for given in parse_sources(source or [])]
    timing = None
    if cron is not None or every is not None:
        timing = Timing(cron=cron, every_minutes=every, timezone=timezone or local_timezone())
        runs = ", ".join(f"{run:%a %d %b %Y %H:%M %Z}" for run in timing.next_runs())
        words = f'"{cron}"' if cron else f"every {every} minutes"
        say(f"builds of {workspace.root}, {words}, time zone {timing.timezone}")
        say(f"next: {runs}")
    if watch is not None:
        if watch <= 0 or not folders:
            raise FactoryError("--watch: give minutes above 0, and --source FOLDER to watch")
        say(f"builds of {workspace.root} when photos appear; looks every {watch:g} minutes")
    say("stop with Ctrl-C")
    job = Job(
        root=workspace.root,
        folders=folders,
        timing=timing,
        watch_minutes=watch,
        wait_minutes=wait,
    )
    serve(job, say, notify)


def _check(given: SourceLocation) -> str:
    """Return a source as the builds get it.

    Raises:
        FactoryError: there is no such folder or list, or the bucket cannot be listed.
    """
    if isinstance(given, BucketPrefix):
        check_bucket(given)
        return str(given)
    folder = given.resolve()
    if not (folder.is_dir() or (is_url_list(folder) and folder.is_file())):
        raise FactoryError(
            f"--source {folder}: no such folder; give a folder of photos, a list of URLs or "
            "s3://BUCKET/PREFIX"
        )
    return str(folder)
