"""`flawfactory inspect`: look for flaws in pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from flows.console import console, error_console
from stages.engine.printing import one_line
from stages.engine.workspace import FactoryError

if TYPE_CHECKING:
    from applications.inspection import Inspected
    from applications.protocols import Inspector


def inspect(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    inspector: Annotated[
        str, typer.Option(help="Name of the inspector; `compact` runs on a CPU.")
    ] = "compact",
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for copies of the pictures with what was found drawn in."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON per picture.")
    ] = False,
) -> None:
    """Look for flaws in pictures; exit with 1 if a file cannot be inspected."""
    from applications.inspection import inspect_files, list_pictures, to_json
    from applications.inspectors import load_inspector

    paths = list_pictures(pictures)
    chosen = load_inspector(inspector)
    targets = _overlay_paths(overlay, paths)
    table = _make_table()
    failed = 0
    for found in inspect_files(paths, chosen):
        failed += bool(found.problem)
        if overlay is not None and not found.problem:
            _draw(found, chosen, targets[found.path])
        if as_json:
            typer.echo(json.dumps(to_json(found, chosen)))
        elif found.problem:
            line = one_line(f"{found.path}: {found.problem}")
            error_console.print(line, markup=False, soft_wrap=True)
        else:
            _add_rows(table, found, chosen)
    if not as_json and table.row_count:
        console.print(table)
        if overlay is not None:
            console.print(f"pictures: {overlay.resolve()}", markup=False, soft_wrap=True)
    if failed:
        sys.exit(1)


def _overlay_paths(folder: Path | None, paths: list[Path]) -> dict[Path, Path]:
    if folder is None:
        return {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FactoryError(f"--overlay {folder}: {error.strerror}") from error
    targets: dict[Path, Path] = {}
    used: set[str] = set()
    for path in paths:
        name, number = path.stem, 2
        while name in used:  # two folders may hold pictures of one name
            name, number = f"{path.stem}-{number}", number + 1
        used.add(name)
        targets[path] = folder / f"{name}.inspected.png"
    return targets


def _draw(found: Inspected, inspector: Inspector, target: Path) -> None:
    from applications.overlay import draw_overlay

    assert found.picture is not None and found.finding is not None  # noqa: S101
    draw_overlay(found.picture, found.finding, inspector.thresholds).save(target)


def _make_table() -> Table:
    table = Table("picture", "flawed", "probability", "region", "tool", "score", "what is wrong")
    for column in table.columns[2:6]:
        column.no_wrap = True
    return table


def _add_rows(table: Table, found: Inspected, inspector: Inspector) -> None:
    finding = found.finding
    assert finding is not None  # noqa: S101
    flawed = "yes" if finding.probability >= inspector.thresholds.picture else "no"
    first = (escape(one_line(found.path.name)), flawed, f"{finding.probability:.2f}")
    regions = inspector.thresholds.select_regions(finding)
    if not regions:
        table.add_row(*first, "", "", "", escape(finding.text))
    for region in regions:
        box = " ".join(f"{value:.0f}" for value in region.box)
        table.add_row(*first, box, region.tool, f"{region.score:.2f}", escape(region.text))
        first = ("", "", "")
