"""`flawfactory build`: photos in, gated shards out."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from flows import pipeline
from flows.commands.arguments import folder
from flows.console import BuildDisplay, build_table, console
from flows.repair import stale_or_damaged
from flows.report import reports
from flows.sources import default_sources, outside, update_source_list
from flows.spending import spending_table
from stages import STAGES
from stages.catalogue import load_params, params_for_work
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

Source = Annotated[
    list[Path] | None,
    typer.Option(
        "--source",
        "-s",
        help="Folder of photos (JPEG, PNG, WebP, HEIC, AVIF; nested). Repeatable.",
        parser=folder,
    ),
]


def build(source: Source = None) -> None:
    """Bring the data set up to date and write the gallery.

    Without --source the source list stays as it is; on a fresh checkout it is the sample photos.
    """
    workspace = Workspace.find()
    load_params(workspace.root)  # a wrong key is an error before any work
    load_settings(workspace)
    if source or not workspace.sources.exists():
        folders = source or default_sources(workspace)
        replace = outside(workspace, folders)  # photos of other folders: this is another data set
        said = update_source_list(workspace, folders, replace=replace)
        console.print(said, markup=False, soft_wrap=True)
    with console.status("looking for what is stale or damaged"):
        todo = stale_or_damaged(workspace)
    if not todo:
        console.print("up to date: nothing to run")
        return
    params_for_work(workspace.root)
    start = time.time()
    try:
        _run_flow(workspace)
    except FactoryError:
        with suppress(FactoryError, OSError):  # the failure itself is the word to end with
            _gallery(workspace, _current(workspace))
        raise
    finally:
        if calls := spending_table(workspace, start):
            console.print(calls)
    console.print(build_table(reports(workspace)))
    _gallery(workspace)


def _run_flow(workspace: Workspace) -> None:
    # Set before Prefect is imported: stages' words go to its log, not between the bars.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # A busy machine needs more than the 20 seconds that Prefect gives its temporary server.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from flows.build import build as build_flow
    from flows.build import watch

    # Leave as on Ctrl-C: Prefect then ends its temporary server, and the stage is ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with BuildDisplay() as display:
        watch(display)
        build_flow(str(workspace.root))


def _current(workspace: Workspace) -> tuple[str, ...]:
    """The stages up to the one that failed: it and those after it are stale."""
    last = next(iter(pipeline.stale(workspace)), STAGES[-1])
    return STAGES[: STAGES.index(last) + 1]


def _gallery(workspace: Workspace, stages: tuple[str, ...] = STAGES) -> None:
    from flows.gallery.render import render

    page = render(workspace.data, workspace.data / "gallery", stages)
    console.print(f"gallery: {page.resolve().as_uri()}", soft_wrap=True)
