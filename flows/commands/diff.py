"""`flawfactory diff`: list what changed between two versions of the data set."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.comparison import compare, read_pairs
from flows.console import console
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError, Workspace


def diff(
    old: Annotated[str, typer.Argument(help="A git revision, a folder or a manifest.parquet.")],
    new: Annotated[str | None, typer.Argument(help="The same; default: data/package.")] = None,
) -> None:
    """List pairs added, removed and changed between two versions, member by member."""
    workspace = Workspace.find()
    before = read_pairs(workspace, old)
    if new is None and not (workspace.stage("package") / MANIFEST).is_file():
        raise FactoryError(
            "data/package is not here: run `dvc pull data/package` or `flawfactory build`"
        )
    after = read_pairs(workspace, new or str(workspace.stage("package")))
    found = compare(before, after)
    for key in found.removed:
        console.print(f"- {key}", style="red", highlight=False)
    for key in found.added:
        console.print(f"+ {key}", style="green", highlight=False)
    for key, columns in found.changed.items():
        console.print(f"~ {key}: {', '.join(columns)}", style="yellow", highlight=False)
    console.print(
        f"{len(found.added)} added, {len(found.removed)} removed, {len(found.changed)} changed, "
        f"{found.same} unchanged"
    )
