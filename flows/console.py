"""Show a build on the terminal: progress while it runs, a table when it ends."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from flows.report import StageReport
from stages import STAGES
from stages.engine.execution.progress import Progress as StageProgress
from stages.engine.printing import printable
from stages.tools import TOOLS


class _Console(Console):
    """A console that shows escape sequences in names and texts instead of obeying them."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


console = _Console()
error_console = _Console(stderr=True)


def say(words: str) -> None:
    """Print a line verbatim: no wrapping, no highlighting, no markup."""
    console.print(words, markup=False, highlight=False, soft_wrap=True)


class BuildDisplay:
    """Show a progress bar per stage with rate and time left; plain lines without a terminal."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[rate]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._printed_tenths: dict[str, int] = {}

    def __enter__(self) -> BuildDisplay:
        if console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, progress: StageProgress) -> None:
        """Update the display with a stage's progress."""
        if not console.is_terminal:
            self._print_tenth(progress)
            return
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, rate="", total=None)
        rate = f"{progress.rate:.2f}/s" if progress.rate else ""
        eta = f", {progress.eta:.0f} s left" if progress.eta else ""
        self._bars.update(
            self._tasks[progress.stage],
            completed=progress.done,
            total=progress.total,
            rate=rate + eta,
        )

    def _print_tenth(self, progress: StageProgress) -> None:
        """Print a line per tenth of a stage, which keeps logs short."""
        tenth = 10 * progress.done // max(1, progress.total)
        if self._printed_tenths.get(progress.stage) != tenth:
            self._printed_tenths[progress.stage] = tenth
            say(f"[{STAGES.index(progress.stage) + 1}/{len(STAGES)}] {progress.line()}")


def _verdict(report: StageReport) -> str:
    if report.restored:
        return "ok (restored)"
    return "ok" if report.gate_passed else "[red]FAILED[/red]"


def build_table(reports: list[StageReport]) -> Table:
    """Build a table with a row per stage: counts of photos and flaws, time and the gate's verdict;
    the caption gives the number of pairs."""
    aside = any(r.photos_aside for r in reports)
    spared = any(r.variants_aside for r in reports)
    photos = "in, out, rejected" + ", set aside" * aside
    flaws = "by tool, rejected" + ", set aside" * spared
    caption = f"photos {photos}; flaws {flaws}; results computed; seconds"
    if pairs := sum(r.pairs for r in reports):
        caption += f"\n{pairs} pairs in data/package"
    table = Table(
        title="flawfactory build", caption=caption, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    table.add_column("stage", no_wrap=True)
    photo_columns = ["in", "out", "rej", *["aside"] * aside]
    variant_columns = [*TOOLS, "rej", *["aside"] * spared]
    for name in (*photo_columns, *variant_columns, "new", "s"):
        table.add_column(name, justify="right")
    table.add_column("gate")
    for r in reports:
        table.add_row(
            r.stage,
            str(r.photos_in),
            str(r.photos_out),
            str(r.photos_rejected),
            *[str(r.photos_aside or "")] * aside,
            *(f"{r.tools[tool]:g}" if r.tools.get(tool) else "" for tool in TOOLS),
            str(r.variants_rejected or ""),
            *[str(r.variants_aside or "")] * spared,
            "" if r.restored else str(r.computed),
            "" if r.restored else f"{r.seconds:.0f}",
            _verdict(r),
        )
    return table
