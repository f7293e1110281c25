"""`flawfactory diff`: compare two versions of the data set."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.comparison.report import make_report, print_report, to_json, to_markdown
from flows.comparison.versions import open_version
from flows.console import console, say
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError, Workspace

_VERSION = "A git revision or tag, a data folder, or a packaged data set."


def diff(
    before: Annotated[str, typer.Argument(help=_VERSION)] = "HEAD",
    after: Annotated[
        str | None, typer.Argument(help=f"{_VERSION} Default: this checkout's data.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    markdown: Annotated[bool, typer.Option(help="Print Markdown for a pull request.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots and pictures side by side.")
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(min=0, max=200, help="Pairs on the page: changed, removed, added."),
    ] = 24,
) -> None:
    """Say which photos and pairs were added, removed and changed, in what and why.

    Also compares the distributions of tools, entities, sizes, scores and reject reasons.
    """
    try:
        workspace = Workspace.find()
    except FactoryError:
        workspace = None
    report = make_report(open_version(workspace, before), open_version(workspace, after))
    if html is not None:
        from flows.comparison.page import make_page

        write_atomically(html, make_page(report, pictures))
        say(f"page: {html.resolve().as_uri()}")
    if as_json:
        sys.stdout.write(json.dumps(to_json(report), indent=1) + "\n")
    elif markdown:
        sys.stdout.write(to_markdown(report))
    else:
        print_report(report, console)
