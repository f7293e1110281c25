"""`flawfactory gc`: what the store keeps that the present build does not need."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer
from rich.filesize import decimal

from flows.console import console
from flows.pipeline import build_lock
from stages import STAGES
from stages.catalogue import build_stage, load_params
from stages.engine.runner import gather
from stages.engine.settings import load_settings, store_root
from stages.engine.store import Store
from stages.engine.workspace import Workspace

_DAY = 24 * 60 * 60.0


def gc(
    remove: Annotated[bool, typer.Option("--yes", help="Remove; without it, only count.")] = False,
) -> None:
    """Remove stored results that the present params, code and photos do not need.

    Going back to older params then computes their results again. What killed writers left behind
    goes when it is older than a day.
    """
    workspace = Workspace.find()
    params = load_params(workspace.root)
    store = Store(store_root(workspace, load_settings(workspace)))
    alone = build_lock(workspace, lambda: console.print("waiting for a build to end"))
    with alone if remove else nullcontext():
        needed = {
            unit.store_key
            for name in STAGES
            for unit in gather(build_stage(name, params), workspace).units
        }
        unneeded = sorted(set(store.keys()) - needed)
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


def _tell(what: str, count: int, size: int) -> None:
    console.print(f"{count} {what} ({decimal(size)})")
