"""Put together what is to be said about two versions, and say it as text, Markdown or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from flows.comparison import causes, fates, shifts
from flows.comparison.arrow import pc
from flows.comparison.fates import Fate, Fates
from flows.comparison.moves import Move, Moves
from flows.comparison.pairs import PairChanges, compare, read_column
from flows.comparison.probe import ProbeRow, compare_probes
from flows.comparison.provenance import compare_provenance
from flows.comparison.stages import Difference, compare_stages
from flows.comparison.versions import Version
from stages.filter.reviews import ReviewCode

EXAMPLES = 5
"""Pairs named for each kind of change."""


@dataclass(frozen=True)
class Photos:
    """The photos with published pairs."""

    before: int
    after: int
    added: int
    removed: int


@dataclass(frozen=True)
class Report:
    """The differences between two versions."""

    before: Version
    after: Version
    changes: PairChanges
    pairs: tuple[int, int]
    """Number of pairs before and after."""
    photos: Photos
    moves: Moves
    removed: Fates
    """Why the flaws of removed pairs are not in `after`."""
    added: Fates
    """Why the flaws of added pairs were not in `before`."""
    names: list[shifts.NameShift]
    numbers: list[shifts.NumberShift]
    numbers_of_stages: list[Difference]
    """Metrics, thresholds of gates and sizes of outputs that differ."""
    probe: list[ProbeRow]
    """What the versions teach, if both were measured."""

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
    kept = len(changes.changed) + changes.same
    return Report(
        before=before,
        after=after,
        changes=changes,
        pairs=(kept + len(changes.removed), kept + len(changes.added)),
        photos=_compare_photos(old, new),
        moves=causes.refine_moves(
            causes.find_moves(before.files.lock(), after.files.lock()),
            compare_provenance(before.provenance(), after.provenance()),
        ),
        removed=fates.find_fates(changes.removed, old, after),
        added=fates.find_fates(changes.added, new, before),
        names=[*shifts.compare_names(old, new), shifts.compare_rejects(before, after)],
        numbers=shifts.compare_numbers(old, new),
        numbers_of_stages=compare_stages(before, after),
        probe=compare_probes(before, after),
    )


def _compare_photos(before: pq.ParquetFile, after: pq.ParquetFile) -> Photos:
    old, new = (
        pc.unique(pc.cast(read_column(table, "key"), pa.string())) for table in (before, after)
    )
    both = int(pc.sum(pc.is_in(new, old)).as_py() or 0)
    return Photos(len(old), len(new), len(new) - both, len(old) - both)


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
        why = describe(causes.explain(aspect, report.moves), report.moves)
        yield Line(f"{aspect} changed", int(flags.sum()), why, changes.examples(aspect, EXAMPLES))
    for sign, fated, name in (
        ("removed", report.removed, report.after.name),
        ("added", report.added, report.before.name),
    ):
        for fate, count in fated.counts.most_common():
            why = explain_fate(fate, name, report.moves)
            yield Line(sign, count, why, [example.pair for example in fated.examples[fate]])


def explain_fate(fate: Fate, version: str, moves: Moves) -> str:
    """Say why flaws are not in a version, and what moved in the stage that lost them."""
    moved = describe(causes.explain_stage(fate.stage, moves), moves)
    return f"{_describe_fate(fate, version)}{f'; {moved}' if moves else ''}"


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


def describe(moved: Sequence[Move], moves: Moves) -> str:
    """Say what moved; `moves`, everything that did, is empty if the versions do not say."""
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
        "photos": asdict(report.photos),
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
        "stages": [asdict(difference) for difference in report.numbers_of_stages],
        "probe": list(report.probe),
    }


def summarise(report: Report) -> str:
    """Say in a line how many pairs and photos differ."""
    changes, photos = report.changes, report.photos
    text = (
        f"{report.before.name} ({report.pairs[0]} pairs of {photos.before} photos) -> "
        f"{report.after.name} ({report.pairs[1]} pairs of {photos.after} photos): "
        f"{len(changes.added)} added, {len(changes.removed)} removed, "
        f"{len(changes.changed)} changed, {changes.same} unchanged; photos: {photos.added} added, "
        f"{photos.removed} removed"
    )
    if photos.before and photos.after == photos.added:
        text += "; no photo is in both, so these are different data sets rather than versions"
    return clean(text)


def list_tables(report: Report) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield title, head and rows of the tables; texts are printable."""
    for title, head, rows in _list_tables(report):
        yield title, head, [tuple(map(clean, row)) for row in rows]


def clean(text: str) -> str:
    """Replace what is not printable, such as the escape sequences of terminals and line breaks."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _list_tables(report: Report) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
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
    head = ("figure (95 % interval)", "before", "after", "difference")
    yield "what a short training learns", head, [tuple(row) for row in report.probe]
    for title, kind in (
        ("metrics", "metric"),
        ("gates", "threshold"),
        ("sizes of outputs", "size"),
    ):
        rows = [
            (d.stage, d.name, d.before, d.after, d.meaning)
            for d in report.numbers_of_stages
            if d.kind == kind
        ]
        yield title, ("stage", kind, "before", "after", "meaning"), rows


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
    parts = [_escape_markdown(summarise(report))]
    for title, head, rows in list_tables(report):
        if rows:
            lines = [head, ("---",) * len(head), *rows]
            table = "\n".join(
                "| " + " | ".join(map(_escape_markdown, line)) + " |" for line in lines
            )
            parts.append(f"**{title}**\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _escape_markdown(cell: str) -> str:
    """Escape what Markdown and HTML would read as more than text."""
    text = cell.replace("&", "&amp;").replace("<", "&lt;")
    for character in "\\|`*[]":
        text = text.replace(character, f"\\{character}")
    return text


def print_report(report: Report, console: Console) -> None:
    """Print the tables."""
    console.print(to_text(report))
