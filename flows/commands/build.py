"""`flawfactory build`: photos in, gated shards out."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from flows import pipeline, steps
from flows.commands.arguments import folder
from flows.console import BuildDisplay, build_table, console, say
from flows.locks import Patience, build_lock, wait_for_dvc
from flows.prefect_api import (
    answers,
    configured_url,
    reach_loopback_past_proxies,
    require_answer,
)
from flows.repair import stale_or_damaged
from flows.report import reports
from flows.repository import LOCK
from flows.sources import prepare
from flows.spending import spending_table
from flows.stopping import leave_at_once
from stages import STAGES
from stages.catalogue import load_params, params_for_work
from stages.engine.files import sha256_file, write_atomically
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace
from stages.models.chat.settings import load_call_settings

_PREFECT = {  # to be set before it is imported
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # stages' words go to its log alone
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    "PREFECT_CLIENT_MAX_RETRIES": "1",  # nothing waits long for a server that went away
    "PREFECT_API_REQUEST_TIMEOUT": "15",
    "DO_NOT_TRACK": "1",
}

Source = Annotated[
    list[Path] | None,
    typer.Option(
        "--source",
        "-s",
        help="Folder of photos (JPEG, PNG, WebP, HEIC, AVIF; nested). Repeatable.",
        parser=folder,
    ),
]


Wait = Annotated[
    float | None,
    typer.Option(help="Minutes to wait for another build; without it, as long as it takes."),
]


def build(
    source: Source = None,
    add: Annotated[bool, typer.Option("--add", help="Beside the photos there are.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="In their place.")] = False,
    wait: Wait = None,
) -> None:
    """Bring the data set up to date and write the gallery.

    Without --source the source list stays as it is; on a fresh checkout it is the sample photos.
    """
    workspace = Workspace.find()
    load_params(workspace.root)  # a wrong key is an error before any work
    load_settings(workspace)
    load_call_settings(workspace)
    patience = Patience(say, wait)
    with build_lock(workspace, patience):
        wait_for_dvc(workspace, patience)
        told = _build(workspace, source or [], add=add, replace=replace)
    if not told:
        leave_at_once()


def _build(workspace: Workspace, source: list[Path], *, add: bool, replace: bool) -> bool:
    """False when a Prefect server was to be told of the build and went away."""
    if listed := prepare(workspace, source, add=add, replace=replace):
        say(listed)
    with console.status("looking for what is stale or damaged"):
        todo = stale_or_damaged(workspace)
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
            told = _run_stages(workspace)
    except FactoryError:
        with suppress(FactoryError, OSError):  # the failure itself is the word to end with
            _gallery(workspace, _current(workspace))
        raise
    finally:
        if calls := spending_table(workspace, start):
            console.print(calls)
    _show(workspace)
    return told


def _run_stages(workspace: Workspace) -> bool:
    """As a Prefect flow where a server is configured, else without Prefect (decision 9).

    False when the server went away: its loss does not cost the build.
    """
    for name, value in _PREFECT.items():
        os.environ.setdefault(name, value)
    if (url := configured_url()) is None:
        steps.run_stale(workspace, steps.run_stage)
        return True
    reach_loopback_past_proxies()
    require_answer(url)
    from flows.build import build as build_flow

    logging.raiseExceptions = False  # of logs that do not reach the server
    try:
        build_flow(str(workspace.root))
    except FactoryError:
        raise
    except Exception:
        if answers(url):
            raise
        steps.run_stale(workspace, steps.run_stage)
    if answers(url):
        return True
    say(f"the Prefect server at {url} went away: it does not show the whole build")
    return False


def _shown(workspace: Workspace) -> Path:
    """Holds the digest of the dvc.lock whose table and gallery were last shown to the end."""
    return workspace.reports / "shown"


def _was_shown(workspace: Workspace) -> bool:
    """Whether the person saw the end of this version: a build may die, or a clone get it by pull,
    before there is a gallery."""
    mark = _shown(workspace)
    return mark.is_file() and mark.read_text() == sha256_file(workspace.root / LOCK)


def _show(workspace: Workspace) -> None:
    """Print the table, write the gallery, and note that this version was shown."""
    if found := reports(workspace):
        console.print(build_table(found))
    _gallery(workspace)
    write_atomically(_shown(workspace), sha256_file(workspace.root / LOCK).encode())


def _current(workspace: Workspace) -> tuple[str, ...]:
    """The stages up to the one that failed: it and those after it are stale."""
    last = next(iter(pipeline.stale(workspace)), STAGES[-1])
    return STAGES[: STAGES.index(last) + 1]


def _gallery(workspace: Workspace, stages: tuple[str, ...] = STAGES) -> None:
    from flows.gallery.render import render

    page = render(workspace.data, workspace.data / "gallery", stages)
    console.print(f"gallery: {page.resolve().as_uri()}", soft_wrap=True)
