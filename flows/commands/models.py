"""`flawfactory models`: list, fetch or verify the weights that a profile needs."""

from __future__ import annotations

import sys
from typing import Annotated, Literal, cast

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import console
from stages.catalogue import load_params
from stages.engine.stage import BaseParams
from stages.engine.workspace import Workspace
from stages.models import registry
from stages.models.weights import catalogue
from stages.models.weights.catalogue import Weights
from stages.models.weights.packages import REMEDY


def models(
    action: Annotated[Literal["list", "fetch", "verify"], typer.Argument()] = "list",
    profile: Annotated[
        str | None,
        typer.Option(help="Profile whose weights to take; by default, list shows all profiles, and "
                     "fetch and verify take the profile and models of params.yaml."),
    ] = None,
) -> None:  # fmt: skip
    """List, fetch or verify the weights that a profile needs (pinned by sha256 or commit)."""
    if action == "list":
        console.print(
            _table(_profiles_by_weights([profile] if profile else list(registry.read_profiles())))
        )
        return
    base = cast(BaseParams, load_params(Workspace.find().root)["base"])
    needed = catalogue.find_needed(profile or base)
    if action == "fetch":
        for item in needed:
            console.print(f"{item.name}: {catalogue.fetch(item)}", markup=False)
        return
    found = {item.name: catalogue.is_available(item) for item in needed}
    for name, good in found.items():
        console.print(f"{name}: {'ok' if good else 'missing or damaged'}", markup=False)
    if not all(found.values()):
        console.print(REMEDY + (f" --profile {profile}" if profile else ""), markup=False)
        sys.exit(1)


def _profiles_by_weights(profiles: list[str]) -> dict[Weights, list[str]]:
    """Map weights to the profiles that need them."""
    users: dict[Weights, list[str]] = {}
    for profile in profiles:
        for item in catalogue.find_needed(profile):
            users.setdefault(item, []).append(profile)
    return users


def _table(users: dict[Weights, list[str]]) -> Table:
    table = Table(title="weights that profiles need")
    for name in ("name", "from", "MB", "licence", "profiles", "here"):
        table.add_column(name, justify="right" if name == "MB" else "left", overflow="fold")
    for item, profiles in users.items():
        size = f"{item.size / 1e6:.0f}" if item.size else "unknown"
        here = "yes" if catalogue.is_available(item) else "no"
        row = (item.name, item.source, size, item.licence, " ".join(profiles), here)
        table.add_row(*map(escape, row))
    return table
