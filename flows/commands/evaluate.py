"""`flawfactory evaluate`: measure an inspector on a labelled set of pictures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from applications.evaluation.readers import READERS
from applications.inspectors import INSPECTORS, load_inspector
from flows.console import console, error_console, say
from flows.spending import spending_table
from stages.engine.workspace import FactoryError, Workspace

if TYPE_CHECKING:
    from applications.evaluation.example import Example
    from applications.evaluation.metrics.texts import Embedder
    from applications.evaluation.sets import OpenSet
    from applications.protocols import Inspector, Thresholds

ARTIAGENT = "artiagent"
"""Name of the released evaluators whose definitions can be added."""


def evaluate(
    target: Annotated[Path, typer.Argument(metavar="SET", help="Folder or file of the set.")],
    inspector: Annotated[
        list[str], typer.Option(help=f"One of {', '.join(INSPECTORS)}; may be repeated.")
    ],
    form: Annotated[
        str, typer.Option(help=f"One of {', '.join(READERS)}; detected by default.")
    ] = "",
    split: Annotated[
        str, typer.Option(help="Split to evaluate, or all. Default: test if there is one.")
    ] = "",
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of the pictures if it is not the set's own.")
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(help="Choose thresholds on this set (its split validation). Default: the "
                     "inspector's own thresholds."),
    ] = None,
    by: Annotated[
        str, typer.Option(help="Report by a fact as well: tool, part, generator, severity ...")
    ] = "",
    definitions: Annotated[
        str, typer.Option(help=f"{ARTIAGENT}: add the figures as its released code defines them.")
    ] = "",
    css: Annotated[
        bool, typer.Option(help="Compare explanations by embeddings (fetches 92 MB once).")
    ] = True,
    params: Annotated[
        Path | None, typer.Option(help="Sections of the inspectors. Default: "
                                       "applications/params.yaml.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Pictures inspected at once, for endpoints.")
    ] = 1,
    resamples: Annotated[
        int, typer.Option(min=0, max=100_000, help="Bootstrap resamples of the intervals.")
    ] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    markdown: Annotated[bool, typer.Option(help="Print the tables as Markdown.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page of the worst pictures to a new folder.")
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=1000, help="Pictures of each kind on the page.")
    ] = 24,
) -> None:  # fmt: skip
    """Measure inspectors, with the baselines beside them: detection, false alarms, localisation and
    explanations, each with a 95 % interval."""
    from applications.evaluation.evaluation import Plan, choose_thresholds
    from applications.evaluation.evaluation import evaluate as measure
    from applications.evaluation.report import print_report, to_json, to_markdown
    from applications.evaluation.scores import Settings
    from applications.evaluation.sets import open_set
    from flows.exports.writing import new_folder

    if definitions not in ("", ARTIAGENT):
        raise FactoryError(f"no definitions {definitions!r}: there are those of {ARTIAGENT}")
    plan = Plan(Settings(resamples), by, bool(definitions), workers)
    opened = open_set(target, form, split, pictures)
    asked = _load(inspector, params)
    started = time.time()
    chosen: tuple[str, Mapping[str, Thresholds]] | None = None
    if validation is not None:
        held_out = open_set(validation, for_validation=True)
        with _progress("validation", held_out) as report:
            chosen = held_out.describe(), choose_thresholds(asked, held_out, opened, plan, report)
    embedder = _load_embedder(opened.examples) if css else None
    with _progress("evaluate", opened) as report:
        found = measure(opened, asked, plan, chosen, embedder, report)
    _print_spending(started)
    if html is not None:
        from applications.evaluation.page import write_page

        with new_folder(html) as folder:
            write_page(found, asked, folder, count)
        error_console.print(f"page: {(html / 'index.html').resolve().as_uri()}", soft_wrap=True)
    if as_json:
        sys.stdout.write(json.dumps(to_json(found), indent=1, allow_nan=False) + "\n")
    elif markdown:
        say(to_markdown(found))
    else:
        print_report(found, console)


def _load(names: Sequence[str], params: Path | None) -> dict[str, Inspector]:
    """Create inspectors by the names of their rows."""
    loaded = [load_inspector(name, params) for name in dict.fromkeys(names)]
    return {inspector.name: inspector for inspector in loaded}


def _load_embedder(examples: Sequence[Example]) -> Embedder | None:
    """Load the model of CSS if a flawed picture has a text to compare with.

    Without its weights CSS is left out, and a line says so.
    """
    from applications.evaluation.metrics.texts import MiniLm
    from stages.models.weights.packages import WeightsError

    if not any(example.label == "flawed" and example.text for example in examples):
        return None
    try:
        return MiniLm()
    except WeightsError as error:
        words = f"CSS is left out: {error}"
        error_console.print(words, style="yellow", markup=False, soft_wrap=True)
        return None


def _print_spending(started: float) -> None:
    """Print the calls to models since `started` (seconds since the epoch), if there were any."""
    try:
        table = spending_table(Workspace.find(), started)
    except FactoryError:  # outside a checkout no model behind an endpoint can be asked
        return
    if table is not None:
        error_console.print(table)


@contextmanager
def _progress(name: str, opened: OpenSet) -> Iterator[Callable[[int], None]]:
    with Progress(console=error_console, transient=True) as bar:
        task = bar.add_task(name, total=len(opened.examples))
        yield lambda done: bar.update(task, completed=done)
