"""Average the runs of one setting over seeds, and show settings as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from rich import box
from rich.console import Console
from rich.table import Table

from applications.evaluation.metrics.intervals import Score
from applications.evaluation.scores import Scores
from applications.studies.runs import Outcome

COLUMNS = {
    "artifact/control": "artifact against control",
    "artifact/real": "artifact against real",
    "control/real": "control against real",
    "IoU": "IoU",
    "box F1": "box F1",
    "false boxes/photo": "real: false boxes per picture",
    "false boxes/control": "control: false boxes per picture",
}
"""Head of a column to the figure of the test; the first three are AUROCs."""
OF_OTHERS = {
    "AUROC": "AUROC",
    "box recall": "box recall",
    "false boxes/clean picture": "generated: false boxes per picture",
}
"""Head of a column to the figure of another set."""


@dataclass(frozen=True)
class Average:
    """A figure over the seeds of one setting."""

    value: float
    low: float
    """Means of the limits of the runs' 95 % intervals: an interval of the mean is no wider."""
    high: float
    lowest: float
    """Lowest and highest of the seeds."""
    highest: float
    seeds: int


def average(scores: Sequence[Score | None]) -> Average | None:
    """Average a figure over seeds; None if it is undefined for one of them."""
    defined = [score for score in scores if score is not None and score.value is not None]
    if not defined or len(defined) < len(scores):
        return None
    values = [float(score.value) for score in defined if score.value is not None]
    return Average(
        mean(values),
        mean(v if s.low is None else s.low for s, v in zip(defined, values, strict=True)),
        mean(v if s.high is None else s.high for s, v in zip(defined, values, strict=True)),
        min(values),
        max(values),
        len(values),
    )


def format_average(found: Average | None) -> str:
    """Format a figure: mean, 95 % interval and, of several seeds, their range."""
    if found is None:
        return "undefined"
    text = f"{found.value:.3f} ({found.low:.2f}-{found.high:.2f})"
    if found.seeds > 1:
        text += f" [{found.lowest:.2f}-{found.highest:.2f}]"
    return text


def make_cells(
    outcomes: Sequence[Outcome],
    columns: Mapping[str, str],
    choose: Callable[[Outcome], Scores] = lambda outcome: dict(outcome.figures.test),
) -> list[str]:
    """Return the cells of one setting.

    Args:
        outcomes: its seeds.
        columns: head to the name of the figure.
        choose: the scores that the figures are taken from.
    """
    scores = [choose(outcome) for outcome in outcomes]
    return [format_average(average([s.get(name) for s in scores])) for name in columns.values()]


def print_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for the terminal, as Markdown where the output is no terminal."""
    console = Console()
    if not console.is_terminal:
        print(f"\n{title}\n\n{to_markdown(head, rows)}")
        return
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, name in enumerate(head):
        shown.add_column(name, justify="right" if number else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def to_markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
