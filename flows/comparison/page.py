"""A page that compares two versions: tables, plots, and changed pairs side by side."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from flows.comparison.pictures import show_changed
from flows.comparison.report import Report, list_tables, summarise
from stages.models import registry

TEMPLATE = Path(__file__).with_name("page.html")


def make_page(report: Report, count: int) -> bytes:
    """Return the page as HTML; it needs no other file and no network.

    Args:
        report: the differences.
        count: number of changed pairs to show.
    """
    shown = []
    if count and len(report.changes.changed):
        metric = registry.metric("compact")
        shown = list(show_changed(report.before, report.after, report.changes, count, metric))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(
        report=report, summary=summarise(report), tables=list(list_tables(report)), shown=shown
    )
    return text.encode()
