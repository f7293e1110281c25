"""`flawfactory view`: write the gallery."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from flows.console import console
from stages.engine.workspace import Workspace


def view(
    out: Annotated[Path | None, typer.Option(help="Folder for the page.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the gallery of the packaged pairs: a static page that works without a network."""
    from flows.gallery.render import render

    workspace = Workspace.find()
    page = render(workspace.data, out or workspace.data / "gallery")
    console.print(f"gallery: {page.resolve().as_uri()}", soft_wrap=True)
    if show:
        webbrowser.open(page.resolve().as_uri())
