"""`flawfactory gc`: what the store keeps that the present build does not need."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.console import console
from stages import STAGES
from stages.catalogue import build_stage, load_params
from stages.engine.runner import gather
from stages.engine.settings import load_settings, store_root
from stages.engine.store import Store
from stages.engine.workspace import Workspace


def gc(
    remove: Annotated[bool, typer.Option("--yes", help="Remove; without it, only count.")] = False,
) -> None:
    """Remove stored results that the present params, code and photos do not need.

    Going back to older params then computes their results again.
    """
    workspace = Workspace.find()
    params = load_params(workspace.root)
    store = Store(store_root(workspace, load_settings(workspace)))
    needed = {
        unit.store_key
        for name in STAGES
        for unit in gather(build_stage(name, params), workspace).units
    }
    unneeded = sorted(set(store.keys()) - needed)
    size = sum(store.path(key).stat().st_size for key in unneeded)
    console.print(f"{len(unneeded)} results, {size / 1e6:.1f} MB, are not needed by this version")
    if remove:
        for key in unneeded:
            store.remove(key)
        console.print("removed")
    elif unneeded:
        console.print("remove them: flawfactory gc --yes")
