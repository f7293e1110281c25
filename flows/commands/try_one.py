"""`flawfactory try`: one photo, one tool, one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.console import console
from stages.catalogue import read_params
from stages.engine.workspace import Workspace


def try_one(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    tool: Annotated[Literal["add", "remove", "distort", "fuse"] | None, typer.Option()] = None,
    variants: Annotated[int, typer.Option(min=1, max=8)] = 1,
    out: Annotated[Path | None, typer.Option(help="Default: <photo's name>.try.png here.")] = None,
) -> None:
    """Break one photo and show photo, control, flaw and mask side by side."""
    from flows.trial import picture, run_trial, with_tool

    workspace = Workspace.find()
    values = read_params(workspace.root)
    with console.status("starting") as status:
        trial = run_trial(photo, with_tool(values, tool, variants), status.update)
        target = out or Path(f"{photo.stem}.try.png")
        picture(trial).save(target)
    for stage, reject in trial.rejects:
        console.print(f"{stage} refused {reject.variant}: {reject.message}", markup=False)
    console.print(f"picture: {target.resolve()}", soft_wrap=True, markup=False)
