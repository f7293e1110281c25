"""`flawfactory try`: try a tool on one photo and draw the result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from flows.console import console
from stages.catalogue import read_params
from stages.engine.workspace import FactoryError, Workspace
from stages.tools import Tool


def try_one(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    tool: Annotated[Tool | None, typer.Option()] = None,
    variants: Annotated[int, typer.Option(min=1, max=8)] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Picture to write; default: <photo's name>.try.png in the current folder."
        ),
    ] = None,
) -> None:
    """Make flaws in one photo and draw photo, control, flaw and mask side by side."""
    from flows.trial import draw_trial, limit_params, run_trial

    target = require_writable_picture(out or Path(f"{photo.stem}.try.png"))
    workspace = Workspace.find()
    values = read_params(workspace.root)
    with console.status("starting") as status:
        trial = run_trial(photo, limit_params(values, tool, variants), status.update)
        draw_trial(trial).save(target)
    for stage, reject in trial.rejects:
        console.print(f"{stage} refused {reject.variant}: {reject.message}", markup=False)
    console.print(f"picture: {target.resolve()}", soft_wrap=True, markup=False)


def require_writable_picture(path: Path) -> Path:
    """Return `path` if a picture can be written there, which is checked before minutes of work.

    Raises:
        FactoryError: the folder is missing or not writable, or the suffix is not a picture's.
    """
    from PIL import Image

    folder = path.resolve().parent
    kinds = [kind for kind, name in Image.registered_extensions().items() if name in Image.SAVE]
    if path.suffix.lower() not in kinds:
        raise FactoryError(f"--out {path}: give it a picture's suffix, such as .png")
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise FactoryError(f"--out {path}: give a file in an existing, writable folder")
    return path
