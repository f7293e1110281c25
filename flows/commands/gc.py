"""`flawfactory gc`: what the store keeps that the present build does not need."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.filesize import decimal

from flows.console import console, say
from flows.locks import Patience, build_lock
from stages import STAGES
from stages.catalogue import build_stage, load_params
from stages.engine.runner import gather
from stages.engine.settings import load_settings, store_root
from stages.engine.storage.store import Store
from stages.engine.storage.tables import PHOTOS
from stages.engine.workspace import FactoryError, Workspace

_DAY = 24 * 60 * 60.0


def gc(
    remove: Annotated[bool, typer.Option("--yes", help="Remove; without it, only count.")] = False,
    purge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Instead: all that was made of this withdrawn photo (key, sha256 or listed path). "
            "Repeatable.",
        ),
    ] = None,
) -> None:
    """Remove stored results that the present params, code and photos do not need.

    Going back to older params then computes their results again. What killed writers left behind
    goes when it is older than a day. Before a build is through, results stay. With --purge:
    whatever shows a photo, in every version, from store to gallery; versions that held it can no
    longer be checked out in whole.
    """
    workspace = Workspace.find()
    if purge:
        _purge(workspace, purge, remove)
        return
    params = load_params(workspace.root)
    store = Store(store_root(workspace, load_settings(workspace)))
    alone = build_lock(workspace, Patience(say))
    with alone if remove else nullcontext():
        if missing := _missing_output(workspace, params):
            console.print(
                f"results stay: {missing} has no output, so what the stages after it need cannot "
                "be told before `flawfactory build` is through"
            )
        needed = set() if missing else _needed(workspace, params)
        unneeded = [] if missing else sorted(set(store.keys()) - needed)
        leftovers = store.leftovers(_DAY)
        _tell("results are not needed by this version", len(unneeded), store.size(unneeded))
        left = sum(path.stat().st_size for path in leftovers)
        _tell("files were left behind by killed writers", len(leftovers), left)
        if remove:
            for key in unneeded:
                store.remove(key)
            for path in leftovers:
                path.unlink()
            console.print("removed")
        elif unneeded or leftovers:
            console.print("remove them: flawfactory gc --yes")


def _purge(workspace: Workspace, which: list[str], remove: bool) -> None:
    from flows.erasure.photo import find_photo
    from flows.erasure.places import OUTPUTS
    from flows.erasure.purge import nobody_works, plan_purge
    from flows.erasure.purge import purge as remove_all
    from flows.sources import track

    with build_lock(workspace, Patience(_refuse)), nobody_works(workspace):
        with console.status("looking for what was made of it"):
            plan = plan_purge(workspace, [find_photo(workspace, what) for what in which])
        if remove:
            remove_all(workspace, plan)
    if remove:
        track(workspace)  # the list without the names
    word = "removed" if remove else "would go"
    for place in plan.places:
        if place.paths:
            _tell(f"in {place.name} {word}", len(place.paths), place.size)
    for path, rows in plan.rows.items():
        console.print(f"{rows} rows in Prefect's database {path} {word}", markup=False)
    for line in plan.remains:
        console.print(f"remains: {line}", markup=False, soft_wrap=True)
    if not remove:
        keys = " ".join(f"--purge {photo.key}" for photo in plan.photos)
        console.print(f"remove it: flawfactory gc {keys} --yes")
    elif any(place.name == OUTPUTS and place.paths for place in plan.places):
        console.print("outputs went with it: `flawfactory build` makes them without the photo")


def _refuse(_: str) -> None:
    raise FactoryError("a build is at work here: purge when it has ended")


def _missing_output(workspace: Workspace, params: dict[str, BaseModel]) -> str | None:
    """The first stage that others read and that has no output."""
    read = {name for stage in STAGES for name in build_stage(stage, params).reads}
    there = (name for name in STAGES if not (workspace.stage(name) / PHOTOS).is_file())
    return next((name for name in there if name in read), None)


def _needed(workspace: Workspace, params: dict[str, BaseModel]) -> set[str]:
    """Keys of all results that the present version is made of."""
    stages = (build_stage(name, params) for name in STAGES)
    return {unit.store_key for stage in stages for unit in gather(stage, workspace).units}


def _tell(what: str, count: int, size: int) -> None:
    console.print(f"{count} {what} ({decimal(size)})")
