"""`flawfactory try`: one photo, one tool, one picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.console import console
from stages.catalogue import read_params
from stages.engine.workspace import FactoryError, Workspace


def try_one(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    tool: Annotated[Literal["add", "remove", "distort", "fuse"] | None, typer.Option()] = None,
    variants: Annotated[int, typer.Option(min=1, max=8)] = 1,
    out: Annotated[Path | None, typer.Option(help="Default: <photo's name>.try.png here.")] = None,
) -> None:
    """Break one photo and show photo, control, flaw and mask side by side."""
    from flows.trial import picture, run_trial, with_tool

    target = writable_picture(out or Path(f"{photo.stem}.try.png"))
    workspace = Workspace.find()
    values = read_params(workspace.root)
    with console.status("starting") as status:
        trial = run_trial(photo, with_tool(values, tool, variants), status.update)
        picture(trial).save(target)
    for stage, reject in trial.rejects:
        console.print(f"{stage} refused {reject.variant}: {reject.message}", markup=False)
    console.print(f"picture: {target.resolve()}", soft_wrap=True, markup=False)


def writable_picture(path: Path) -> Path:
    """`path`, if a picture can be written there: asked before minutes of work.

    Raises:
        FactoryError: no such folder, one that is not writable, or a kind that is no picture's.
    """
    from PIL import Image

    folder = path.resolve().parent
    kinds = [kind for kind, name in Image.registered_extensions().items() if name in Image.SAVE]
    if path.suffix.lower() not in kinds:
        raise FactoryError(f"--out {path}: give it the ending of a picture, such as .png")
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise FactoryError(f"--out {path}: not a file in a folder that is there and writable")
    return path
