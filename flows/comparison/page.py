"""A page that compares two versions: tables, plots, and pairs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from flows.comparison import causes
from flows.comparison.fates import Fates
from flows.comparison.pictures import Shown, show_changed, show_lone
from flows.comparison.report import (
    Report,
    clean,
    describe,
    explain_fate,
    list_tables,
    summarise,
)
from flows.comparison.versions import Version
from stages.models import registry

TEMPLATE = Path(__file__).with_name("page.html")


def make_page(report: Report, count: int) -> bytes:
    """Return the page as HTML; it needs no other file and no network.

    Args:
        report: the differences.
        count: maximum number of pairs to show of each kind: changed, removed, added.

    Raises:
        FactoryError: a pair to show is damaged, or its shard is not here.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["clean"] = clean
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    before, after, moves = report.before, report.after, report.moves
    text = template.render(
        report=report,
        summary=summarise(report),
        tables=list(list_tables(report)),
        sections=[
            ("changed pairs", list(_show_changed(report, count))),
            ("removed pairs", list(_show_lone(report.removed, before, after, report, count))),
            ("added pairs", list(_show_lone(report.added, after, before, report, count))),
        ],
        whys={a: describe(causes.explain(a, moves), moves) for a in report.changes.aspects},
    )
    return text.encode()


def _show_changed(report: Report, count: int) -> Iterator[Shown]:
    if count and len(report.changes.changed):
        metric = registry.metric("compact")
        yield from show_changed(report.before, report.after, report.changes, count, metric)


def _show_lone(
    fates: Fates, owner: Version, other: Version, report: Report, count: int
) -> Iterator[Shown]:
    """Show examples of pairs that only `owner` has, with the reason why `other` has not."""
    whys: dict[str, str] = {}
    for fate, examples in fates.examples.items():
        why = explain_fate(fate, other.name, report.moves)
        for example in examples:
            whys[example.pair] = f"{example.message}: {why}" if example.message else why
    keys = list(whys)[:count]
    if keys:
        for shown in show_lone(owner, keys, is_before=owner is report.before):
            yield replace(shown, why=whys[shown.key])
