"""Put together what is to be said about two versions, and say it as text, Markdown or JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from flows.comparison import causes, fates, shifts
from flows.comparison.fates import Fate
from flows.comparison.moves import Move, Moves
from flows.comparison.pairs import PairChanges, compare
from flows.comparison.provenance import compare_provenance
from flows.comparison.versions import Version
from stages import STAGES
from stages.filter.reviews import ReviewCode

EXAMPLES = 5
"""Pairs named for each kind of change."""
_COST = ("photos_accepted", "photos_rejected", "variants_accepted", "variants_rejected")
_MEANS = ("evaluations.mean", "reconstruction_psnr.mean", "lpips_control.mean", "shortfall.mean")


@dataclass(frozen=True)
class Report:
    """The differences between two versions."""

    before: Version
    after: Version
    changes: PairChanges
    pairs: tuple[int, int]
    """Number of pairs before and after."""
    moves: Moves
    removed: Counter[Fate]
    """Why the flaws of removed pairs are not in `after`."""
    added: Counter[Fate]
    """Why the flaws of added pairs were not in `before`."""
    fate_examples: dict[Fate, str]
    names: list[shifts.NameShift]
    numbers: list[shifts.NumberShift]
    metrics: dict[str, tuple[float, float]]
    """``<stage>.<metric>`` to its values before and after, where they differ."""

    @property
    def is_same(self) -> bool:
        """Whether both versions have the same pairs."""
        changes = self.changes
        return not (len(changes.added) or len(changes.removed) or len(changes.changed))


def make_report(before: Version, after: Version) -> Report:
    """Compare two versions.

    Raises:
        FactoryError: one has no manifest, or a damaged one, or one of another schema version.
    """
    old, new = before.manifest(), after.manifest()
    changes = compare(old, new)
    removed, removed_examples = fates.find_fates(changes.removed, old, after)
    added, added_examples = fates.find_fates(changes.added, new, before)
    kept = len(changes.changed) + changes.same
    return Report(
        before=before,
        after=after,
        changes=changes,
        pairs=(kept + len(changes.removed), kept + len(changes.added)),
        moves=causes.refine_moves(
            causes.find_moves(before.files.lock(), after.files.lock()),
            compare_provenance(before.provenance(), after.provenance()),
        ),
        removed=removed,
        added=added,
        fate_examples=added_examples | removed_examples,
        names=[*shifts.compare_names(old, new), shifts.compare_rejects(before, after)],
        numbers=shifts.compare_numbers(old, new),
        metrics=_compare_metrics(before, after),
    )


def _compare_metrics(before: Version, after: Version) -> dict[str, tuple[float, float]]:
    found = {}
    for stage in STAGES:
        old, new = before.metrics(stage), after.metrics(stage)
        for name in (*_COST, *_MEANS, "pairs"):
            if name in old and name in new and old[name] != new[name]:
                found[f"{stage}.{name}"] = old[name], new[name]
    return found


@dataclass(frozen=True)
class Line:
    """One kind of change with its reason."""

    what: str
    count: int
    why: str
    examples: Sequence[str]


def list_changes(report: Report) -> Iterator[Line]:
    """Yield a line for each aspect that changed, and for each fate of lost and of new pairs."""
    changes = report.changes
    for aspect, flags in changes.aspects.items():
        why = _describe(causes.explain(aspect, report.moves), report.moves)
        yield Line(f"{aspect} changed", int(flags.sum()), why, changes.examples(aspect, EXAMPLES))
    for sign, fated, name in (
        ("removed", report.removed, report.after.name),
        ("added", report.added, report.before.name),
    ):
        for fate, count in fated.most_common():
            moved = _describe(causes.explain_stage(fate.stage, report.moves), report.moves)
            why = f"{_describe_fate(fate, name)}{f'; {moved}' if report.moves else ''}"
            yield Line(f"{sign}", count, why, [report.fate_examples[fate]])


def _describe_fate(fate: Fate, version: str) -> str:
    texts = {
        fates.NOT_LISTED: f"the photo is not in {version}",
        fates.NOT_DRAWN: f"map drew no such flaw in {version}",
        fates.UNKNOWN: f"{version} does not say why it has none",
    }
    if fate.reason == ReviewCode.REJECTED_BY_REVIEW:
        return f"a person rejected it in {version}"
    found = texts.get(fate.reason, f"{fate.stage} rejected it in {version}: {fate.reason}")
    return f"a person accepted it; {found}" if fate.accepted_by_people else found


def _describe(moved: Sequence[Move], moves: Moves) -> str:
    if not moves:
        return "unknown: a version has neither dvc.lock nor provenance.json"
    return "; ".join(map(str, moved)) or "nothing that the versions record has moved"


def to_json(report: Report) -> dict[str, Any]:
    """Return everything as JSON, with the keys of all pairs."""
    changes = report.changes
    return {
        "before": report.before.name,
        "after": report.after.name,
        "pairs": list(report.pairs),
        "same": changes.same,
        "added": changes.added.to_pylist(),
        "removed": changes.removed.to_pylist(),
        "changed": {
            key: changes.aspects_of(place) for place, key in enumerate(changes.changed.to_pylist())
        },
        "columns": dict(changes.columns),
        "lone_columns": list(changes.lone_columns),
        "reasons": [asdict(line) for line in list_changes(report)],
        "moved": {stage: list(map(str, moved)) for stage, moved in report.moves.items() if moved},
        "names": [asdict(shift) for shift in report.names],
        "numbers": [asdict(shift) for shift in report.numbers],
        "metrics": {name: list(values) for name, values in report.metrics.items()},
    }


def summarise(report: Report) -> str:
    """Say in a line how many pairs differ."""
    changes = report.changes
    return (
        f"{report.before.name} ({report.pairs[0]} pairs) -> {report.after.name} "
        f"({report.pairs[1]} pairs): {len(changes.added)} added, {len(changes.removed)} removed, "
        f"{len(changes.changed)} changed, {changes.same} unchanged"
    )


def list_tables(report: Report) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield title, head and rows of the tables that have rows."""
    lines = [
        (line.what, str(line.count), line.why, ", ".join(line.examples[:2]))
        for line in list_changes(report)
    ]
    yield "what changed", ("what", "count", "why", "for example"), lines
    lone = [(name,) for name in report.changes.lone_columns]
    yield "columns that only one version has", ("column",), lone
    moved = [(stage, str(move)) for stage, found in report.moves.items() for move in found]
    yield "what moved", ("stage", "params, code, models, photos"), moved
    names = [
        (shift.column, f"{shift.distance:.3f}", _list_counts(shift))
        for shift in report.names
        if shift.distance
    ]
    yield "shifts of names", ("column", "distance", "count before -> after"), names
    numbers = [
        (
            shift.column,
            f"{shift.distance:.3f}",
            " ".join(f"{v:.3g}" for v in shift.quantiles[0]),
            " ".join(f"{v:.3g}" for v in shift.quantiles[1]),
        )
        for shift in report.numbers
        if shift.distance
    ]
    yield "shifts of numbers", ("number", "KS", "5 25 50 75 95 % before", "after"), numbers
    metrics = [(name, f"{a:g}", f"{b:g}") for name, (a, b) in report.metrics.items()]
    yield "gates and cost", ("metric", "before", "after"), metrics


def _list_counts(shift: shifts.NameShift) -> str:
    changed = [(n, a, b) for n, (a, b) in shift.counts.items() if a != b]
    return ", ".join(f"{name} {a} -> {b}" for name, a, b in changed[:5])


def to_text(report: Report) -> Group:
    """Return tables for a terminal."""
    parts: list[Table | Text] = [Text(summarise(report))]
    for title, head, rows in list_tables(report):
        if rows:
            table = Table(title=title, title_justify="left", show_edge=False)
            for name in head:
                table.add_column(name, justify="right" if name == "count" else "left")
            for row in rows:
                table.add_row(*map(Text, row))
            parts.append(table)
    return Group(*parts)


def to_markdown(report: Report) -> str:
    """Return tables for a pull request."""
    parts = [summarise(report)]
    for title, head, rows in list_tables(report):
        if rows:
            lines = [head, ("---",) * len(head), *rows]
            table = "\n".join(
                "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
                for line in lines
            )
            parts.append(f"**{title}**\n\n{table}")
    return "\n\n".join(parts) + "\n"


def print_report(report: Report, console: Console) -> None:
    """Print the tables."""
    console.print(to_text(report))
