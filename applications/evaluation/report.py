"""Show an evaluation: tables for the terminal and in Markdown, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from applications.evaluation.evaluation import Evaluation, Result
from applications.evaluation.metrics.intervals import Score
from applications.evaluation.rows import Row
from applications.evaluation.scores import Scores

UNDEFINED = "undefined"
SHOWN_PROBLEMS = 20
"""Problems that the terminal lists; JSON has all."""


@dataclass(frozen=True)
class Table:
    """A table: a row a metric, a column an inspector."""

    title: str
    head: list[str]
    rows: list[list[str]]


def list_tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield the tables that have rows."""
    results = evaluation.results
    yield _table("detection", {name: r.detection for name, r in results.items()})
    yield _table("false alarms on clean pictures", {n: _flatten(r) for n, r in results.items()})
    yield _table("AUROC between roles", {name: r.contrasts for name, r in results.items()})
    yield _table("localisation", {name: r.localisation for name, r in results.items()})
    yield _table("explanations", {name: r.texts for name, r in results.items()})
    by = {
        name: {
            f"{evaluation.fact} {value}: {metric}": score
            for value, scores in result.by.items()
            for metric, score in scores.items()
        }
        for name, result in results.items()
    }
    yield _table(f"by {evaluation.fact}", by)
    figures = {name: result.released for name, result in results.items()}
    yield _table_of_cells(
        "as the released evaluators of ArtiAgent define it",
        {name: {m: _number(v) for m, v in values.items()} for name, values in figures.items()},
    )


def _flatten(result: Result) -> Scores:
    return {
        f"{role}: {metric}": score
        for role, scores in result.false_alarms.items()
        for metric, score in scores.items()
    }


def _table(title: str, columns: Mapping[str, Scores]) -> Table:
    cells = {name: {m: format_score(s) for m, s in c.items()} for name, c in columns.items()}
    return _table_of_cells(title, cells)


def _table_of_cells(title: str, columns: Mapping[str, Mapping[str, str]]) -> Table:
    metrics = dict.fromkeys(metric for cells in columns.values() for metric in cells)
    rows = [[metric, *(cells.get(metric, "") for cells in columns.values())] for metric in metrics]
    return Table(title, ["", *columns], rows)


def format_score(score: Score) -> str:
    """Format a score with its interval: ``0.712 (0.66-0.75)``."""
    if score.value is None:
        return UNDEFINED
    if score.low is None or score.high is None:
        return _number(score.value)
    return f"{score.value:.3f} ({score.low:.2f}-{score.high:.2f})"


def _number(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.3f}"


def list_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield what stands above the tables: the set, its balance, and what could not be used."""
    rows = next(iter(evaluation.rows.values()))
    labels = _count(Counter(row.example.label for row in rows))
    roles = _count(Counter(row.example.role for row in rows))
    yield f"{evaluation.set.describe()}: {len(rows)} pictures ({labels}; {roles})"
    yield from evaluation.notes
    for name, result in evaluation.results.items():
        if result.chosen_on:
            t = result.thresholds
            yield (
                f"{name}: thresholds picture {t.picture:.3f}, pixel {t.pixel:.3f}, region "
                f"{t.region:.3f}, chosen on {result.chosen_on}"
            )
    for name, result in evaluation.results.items():
        if result.failures:
            total = sum(result.failures.values())
            yield f"{name} gave no finding about {total} pictures: {_count(result.failures)}"
    yield from dict.fromkeys(_list_reasons(evaluation))
    kinds = Counter(problem.kind for problem in evaluation.problems)
    if kinds:
        yield f"not used: {_count(kinds)}"


def _count(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _list_reasons(evaluation: Evaluation) -> Iterator[str]:
    result = next(iter(evaluation.results.values()))
    for scores in (result.detection, result.contrasts, result.localisation, result.texts):
        for metric, score in scores.items():
            if score.value is None:
                yield f"{metric}: {score.why}"


def print_report(evaluation: Evaluation, console: Console) -> None:
    """Print counts, problems and tables."""
    for line in list_lines(evaluation):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for problem in evaluation.problems[:SHOWN_PROBLEMS]:
        console.print(f"  {problem}", markup=False, highlight=False, soft_wrap=True)
    if (more := len(evaluation.problems) - SHOWN_PROBLEMS) > 0:
        console.print(f"  ... and {more} more (--json lists all)")
    for table in list_tables(evaluation):
        if table.rows:
            console.print(_rich(table))
    console.print("in brackets: 95 % intervals by the bootstrap over pictures", highlight=False)


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(table.head):
        shown.add_column(escape(name), justify="right" if number else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*map(escape, row))
    return shown


def to_markdown(evaluation: Evaluation) -> str:
    """Return counts and tables as Markdown."""
    lines = [*list_lines(evaluation), ""]
    for table in list_tables(evaluation):
        if table.rows:
            lines += [f"### {table.title}", ""]
            lines += [_markdown_row(table.head), _markdown_row(["---"] * len(table.head))]
            lines += [*map(_markdown_row, table.rows), ""]
    return "\n".join(lines)


def _markdown_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything as JSON values; an undefined score has the value null and says why."""
    rows = next(iter(evaluation.rows.values()))
    return {
        "set": {
            "path": str(evaluation.set.path),
            "form": evaluation.set.form,
            "split": evaluation.set.split,
            "pictures": len(rows),
            "unknown": evaluation.set.unknown,
            "labels": Counter(row.example.label for row in rows),
            "roles": Counter(row.example.role for row in rows),
        },
        "notes": list(evaluation.notes),
        "problems": [asdict(problem) for problem in evaluation.problems],
        "inspectors": {name: asdict(result) for name, result in evaluation.results.items()},
        "by": evaluation.fact,
        "pictures": {name: [*map(_picture, evaluation.rows[name])] for name in evaluation.asked},
    }


def _picture(row: Row) -> dict[str, Any]:
    """Return the finding about one picture."""
    return {
        "key": row.example.key,
        "label": row.example.label,
        "role": row.example.role,
        "probability": row.probability,
        "boxes": [[round(side, 1) for side in found] for found in row.boxes.tolist()],
        "scores": row.scores.tolist(),
        "text": row.text,
        "failure": None if row.failure is None else asdict(row.failure),
    }
