"""`flawfactory view`: write the gallery, and serve it to a reviewer."""

from __future__ import annotations

import signal
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from flows.console import console, say
from flows.stopping import Stopped
from stages.engine.workspace import FactoryError, Workspace


def view(
    out: Annotated[Path | None, typer.Option(help="Folder for the page.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    serve: Annotated[
        bool,
        typer.Option("--serve", help="Serve it on this machine and save marks to reviews/, until "
                     "Ctrl-C."),
    ] = False,
    reviewer: Annotated[
        str,
        typer.Option(help="With --serve: a name for your marks, such as a pseudonym; lower-case "
                     "letters, digits and dashes. Published is only a digest of it."),
    ] = "reviewer",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="With --serve: port; 0 takes a free one.")
    ] = 0,
) -> None:  # fmt: skip
    """Write the gallery of the packaged pairs: a static page that works without a network."""
    from flows.gallery.render import render

    workspace = Workspace.find()
    if serve:
        _check_name(reviewer)
    page = render(workspace.data, out or workspace.data / "gallery")
    if serve:
        _serve(workspace, page.parent, reviewer, port, show)
        return
    console.print(f"gallery: {page.resolve().as_uri()}", soft_wrap=True)
    if show:
        webbrowser.open(page.resolve().as_uri())


def _check_name(reviewer: str) -> None:
    """Check that a name can be that of a reviewer and of a file.

    Raises:
        FactoryError: it cannot.
    """
    from pydantic import TypeAdapter, ValidationError

    from stages.filter.reviews import Reviewer

    try:
        TypeAdapter(Reviewer).validate_python(reviewer)
    except ValidationError as error:
        raise FactoryError(
            f"--reviewer {reviewer!r}: up to 40 lower-case letters, digits and dashes"
        ) from error


def _serve(workspace: Workspace, folder: Path, reviewer: str, port: int, show: bool) -> None:
    """Serve the page until the command is stopped.

    Raises:
        FactoryError: the reviewer's file is not a review file or in use, there is nothing to
            review, or the port is taken.
    """
    from flows.reviews.book import ReviewBook, lock_reviewer
    from flows.reviews.server import ReviewServer

    with lock_reviewer(workspace, reviewer):
        book = ReviewBook(workspace, reviewer)
        with ReviewServer(folder, book, port) as server:
            say(f"gallery: {server.url} (marks: {book.name}; Ctrl-C ends)")
            if show:
                webbrowser.open(server.url)
            try:
                server.serve_forever()
            except Stopped as stopped:
                if stopped.exit_code != 128 + signal.SIGINT:
                    raise
