"""`flawfactory gc`: remove stored results that the present version does not need."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.filesize import decimal

from flows.commands.arguments import Wait, parse_photo
from flows.console import console, say
from flows.locks import Waiter, build_lock, lock_when_idle
from stages import STAGES
from stages.catalogue import build_stage, load_params
from stages.engine.runner import gather
from stages.engine.settings import load_settings, open_store
from stages.engine.storage.tables import PHOTOS
from stages.engine.workspace import FactoryError, Workspace

_DAY = 24 * 60 * 60.0


def gc(
    remove: Annotated[bool, typer.Option("--yes", help="Remove; by default, only count.")] = False,
    purge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Instead, remove all that was made of this withdrawn photo (key, sha256, listed "
            "path or address in a bucket). Repeatable.",
        ),
    ] = None,
    wait: Wait = None,
) -> None:
    """Remove stored results that the present params, code and photos do not need.

    Going back to older params then computes their results again. Files that killed writers left
    behind are removed when they are older than a day. Until a build has finished, results are kept.
    With --purge: remove whatever shows a photo, in every version, from store to gallery; versions
    that contained it can no longer be checked out completely.
    """
    workspace = Workspace.find()
    if wait is not None and (purge or not remove):
        raise FactoryError("--wait is for `gc --yes`: a purge refuses to wait, a count need not")
    if purge:
        _purge(workspace, purge, remove)
        return
    params = load_params(workspace.root)
    store = open_store(workspace, load_settings(workspace))
    with lock_when_idle(workspace, say, wait) if remove else nullcontext():
        if missing := _missing_output(workspace, params):
            console.print(
                f"results are kept: {missing} has no output, so what later stages need is not "
                "known until `flawfactory build` has finished"
            )
        needed = set() if missing else _needed_keys(workspace, params)
        unneeded = [] if missing else sorted(set(store.keys()) - needed)
        leftovers = store.leftovers(_DAY)
        _print_count("results are not needed by this version", len(unneeded), store.size(unneeded))
        left = sum(path.stat().st_size for path in leftovers)
        _print_count("files were left behind by killed writers", len(leftovers), left)
        if remove:
            for key in unneeded:
                store.remove(key)
            for path in leftovers:
                path.unlink()
            console.print("removed")
        elif unneeded or leftovers:
            console.print("remove them: flawfactory gc --yes")


def _purge(workspace: Workspace, which: list[str], remove: bool) -> None:
    from flows.erasure.locations import OUTPUTS
    from flows.erasure.photo import find_photos
    from flows.erasure.purge import lock_outputs, plan_purge
    from flows.erasure.purge import purge as remove_all
    from flows.sources import track_source_list

    with build_lock(workspace, Waiter(_refuse_to_wait)), lock_outputs(workspace):
        with console.status("searching for what was made of it"):
            found = [find_photos(workspace, parse_photo(what)) for what in which]
            plan = plan_purge(workspace, [photo for photos in found for photo in photos])
        if remove:
            remove_all(workspace, plan)
    if remove:
        track_source_list(workspace)  # the list no longer contains the names
    word = "removed" if remove else "would be removed"
    for location in plan.locations:
        if location.count:
            _print_count(f"in {location.name} {word}", location.count, location.size)
    for path, rows in plan.rows.items():
        console.print(f"{rows} rows in Prefect's database {path} {word}", markup=False)
    for path, marks in plan.marks.items():
        console.print(f"{marks} marks on its flaws in {path} {word}", markup=False)
    for line in plan.remains:
        console.print(f"remains: {line}", markup=False, soft_wrap=True)
    if not remove:
        keys = " ".join(f"--purge {photo.key}" for photo in plan.photos)
        console.print(f"remove it: flawfactory gc {keys} --yes")
    elif any(location.name == OUTPUTS and location.paths for location in plan.locations):
        console.print(
            "outputs were removed with it: `flawfactory build` makes them again without the photo"
        )


def _refuse_to_wait(_: str) -> None:
    raise FactoryError("a build is running here: purge when it has ended")


def _missing_output(workspace: Workspace, params: dict[str, BaseModel]) -> str | None:
    """Return the first stage without output whose output other stages read."""
    read = {name for stage in STAGES for name in build_stage(stage, params).reads}
    missing = (name for name in STAGES if not (workspace.stage(name) / PHOTOS).is_file())
    return next((name for name in missing if name in read), None)


def _needed_keys(workspace: Workspace, params: dict[str, BaseModel]) -> set[str]:
    """Return the keys of all results that the present version consists of."""
    stages = (build_stage(name, params) for name in STAGES)
    return {ref.store_key for stage in stages for ref in gather(stage, workspace).refs}


def _print_count(what: str, count: int, size: int) -> None:
    console.print(f"{count} {what} ({decimal(size)})")
