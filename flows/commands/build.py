"""`flawfactory build`: turn photos into gated shards."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from flows import pipeline, steps
from flows.commands.arguments import Wait, parse_sources
from flows.console import BuildDisplay, build_table, console, say
from flows.leftovers import remove_what_was_left
from flows.locks import lock_when_idle
from flows.prefect_api import (
    configured_url,
    is_reachable,
    reach_loopback_past_proxies,
    require_reachable,
)
from flows.repair import find_stale_or_damaged
from flows.report import read_reports
from flows.repository import LOCK
from flows.retries import forget_attempts
from flows.sources import prepare_source_list
from flows.spending import spending_table
from flows.stopping import exit_immediately
from stages import STAGES
from stages.catalogue import load_params, params_for_work
from stages.engine.files import sha256_file, write_atomically
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.params import FilterParams
from stages.filter.reviews import read_reviews
from stages.ingest.buckets.address import SourceLocation
from stages.models.chat.settings import load_call_settings

_PREFECT = {  # has to be set before Prefect is imported
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # stages' output goes to its log only
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_CLIENT_MAX_RETRIES": "1",  # do not wait long for a server that went away
    "PREFECT_API_REQUEST_TIMEOUT": "15",
    "DO_NOT_TRACK": "1",
}

Source = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        "-s",
        help="Folder of photos (JPEG, PNG, WebP, HEIC, AVIF; nested), list of URLs, or "
        "s3://BUCKET/PREFIX. Repeatable.",
    ),
]


class BuildCancelled(FactoryError):
    """The build was cancelled on the Prefect server."""


def build(
    source: Source = None,
    add: Annotated[bool, typer.Option("--add", help="Add the photos to the present ones.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the present photos.")] = False,
    try_again: Annotated[
        bool,
        typer.Option("--try-again", help="Compute photos again that were given up after 3 builds."),
    ] = False,
    wait: Wait = None,
) -> None:
    """Bring the data set up to date and write the gallery.

    Without --source the source list stays as it is; on a fresh checkout it is the sample photos.
    """
    given = parse_sources(source or [])
    workspace = Workspace.find()
    params = load_params(workspace.root)["filter"]  # report a wrong key before any work
    assert isinstance(params, FilterParams)  # noqa: S101
    read_reviews(workspace.root, params.reviews)  # and a damaged review file
    load_settings(workspace)
    load_call_settings(workspace)
    with lock_when_idle(workspace, say, wait):
        remove_what_was_left(workspace)
        if try_again:
            forget_attempts(workspace)
        complete = _build(workspace, given, add=add, replace=replace, wait=wait)
    if not complete:
        exit_immediately()


def _build(
    workspace: Workspace,
    given: list[SourceLocation],
    *,
    add: bool,
    replace: bool,
    wait: float | None,
) -> bool:
    """Build and show the result; return False if the Prefect server went away meanwhile."""
    if summary := prepare_source_list(workspace, given, add=add, replace=replace):
        say(summary)
    with console.status("looking for what is stale or damaged"):
        todo = find_stale_or_damaged(workspace)
    if not todo:
        console.print("up to date: nothing to run")
        if not _was_shown(workspace):
            _show(workspace)
        return True
    params_for_work(workspace.root)
    start = time.time()
    try:
        with BuildDisplay() as display:
            steps.watch(display, say)
            complete = _run_stages(workspace, wait)
    except BuildCancelled:
        raise
    except FactoryError:
        with suppress(FactoryError, OSError):  # report the build's failure, not the gallery's
            _write_gallery(workspace, _stages_up_to_failure(workspace))
        raise
    finally:
        if calls := spending_table(workspace, start):
            console.print(calls)
    _show(workspace)
    return complete


def _run_stages(workspace: Workspace, wait: float | None) -> bool:
    """Run the stale stages: as a Prefect flow if a server is configured, else without (decision 9).

    Return False if the server went away, which does not fail the build.
    """
    for name, value in _PREFECT.items():
        os.environ.setdefault(name, value)
    if (url := configured_url()) is None:
        steps.run_stale(workspace, steps.run_stage, wait)
        return True
    reach_loopback_past_proxies()
    require_reachable(url)
    from prefect.exceptions import CancelledRun

    from flows.build import build as build_flow

    logging.raiseExceptions = False  # ignore log records that do not reach the server
    try:
        build_flow(str(workspace.root), wait_minutes=wait)
    except FactoryError:
        raise
    except CancelledRun as error:
        raise BuildCancelled(
            "cancelled on the Prefect server; what was finished is kept"
        ) from error
    except Exception:
        if is_reachable(url):
            raise
        steps.run_stale(workspace, steps.run_stage, wait)
    if is_reachable(url):
        return True
    say(f"the Prefect server at {url} went away: it does not show the whole build")
    return False


def _shown_marker(workspace: Workspace) -> Path:
    """Return the file with the digest of the dvc.lock whose table and gallery were last shown."""
    return workspace.reports / "shown"


def _was_shown(workspace: Workspace) -> bool:
    """Whether the table and gallery of this version were shown: not so if the build died before, or
    the version came by `dvc pull`."""
    mark = _shown_marker(workspace)
    return mark.is_file() and mark.read_text() == sha256_file(workspace.root / LOCK)


def _show(workspace: Workspace) -> None:
    """Print the table, write the gallery, and record that this version was shown."""
    if found := read_reports(workspace):
        console.print(build_table(found))
    _write_gallery(workspace)
    write_atomically(_shown_marker(workspace), sha256_file(workspace.root / LOCK).encode())


def _stages_up_to_failure(workspace: Workspace) -> tuple[str, ...]:
    """Return the stages up to the one that failed, which is the first stale one."""
    last = next(iter(pipeline.find_stale(workspace)), STAGES[-1])
    return STAGES[: STAGES.index(last) + 1]


def _write_gallery(workspace: Workspace, stages: tuple[str, ...] = STAGES) -> None:
    from flows.gallery.render import write_gallery

    page = write_gallery(workspace, stages=stages)
    console.print(f"gallery: {page.resolve().as_uri()}", soft_wrap=True)
