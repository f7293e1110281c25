"""Where photos come from: the folders a person names, or the sample photos."""

from __future__ import annotations

from pathlib import Path

from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.scan import scan
from stages.ingest.sources import read_list
from stages.package import rights

HASHES = Path(".cache") / "hashes.json"
"""Below `Workspace.data`: what a scan remembers of the files it hashed."""
_SHOWN = 3
"""Sidecars or licences that are named in full."""


def default_sources(workspace: Workspace) -> list[Path]:
    """The vendored sample photos, and the fetched photos of people where they are."""
    people = workspace.data / ".fetched" / "people"
    return [workspace.root / "samples" / "photos", *([people] if people.is_dir() else [])]


def update_source_list(
    workspace: Workspace, folders: list[Path], batch: str | None = None, replace: bool = False
) -> str:
    """Scan `folders` into the source list; returns what happened in words.

    Raises:
        FactoryError: no such folder, no photos in it, or it holds this checkout.
    """
    for folder in folders:
        if workspace.root.resolve().is_relative_to(folder.resolve()):
            raise FactoryError(
                f"{folder.resolve()} holds this checkout, whose own pictures are no photos: name "
                "the folder of the photos"
            )
    report = scan(
        folders,
        workspace.sources,
        workspace.root,
        batch=batch,
        replace=replace,
        cache_path=workspace.data / HASHES,
    )
    counts = {"added": report.added, "unchanged": report.unchanged, "replaced": report.replaced}
    counts["left out: withdrawn and purged"] = report.purged
    words = [f"{count} {word}" for word, count in counts.items() if count]
    words += [f"{count} {code}" for code, count in report.problems.items()]
    ignored = sum(report.ignored.values())
    words += [f"{ignored} other files ignored"] if ignored else []
    foreign = f"{report.foreign} JSON file{'s' * (report.foreign > 1)} of other programs left alone"
    words += [foreign] if report.foreign else []
    lines = ["source list: " + (", ".join(words) or "nothing found")]
    lines += _at_most([f"sidecar left out: {line}" for line in report.skipped], "sidecars")
    lines += _unpublishable(workspace)
    return "\n".join(lines)


def _unpublishable(workspace: Workspace) -> list[str]:
    """A line for each licence that forbids passing the data set on."""
    entries = read_list(workspace.sources)
    used = [entry.licence for entry in entries if not (entry.withdrawn or entry.problem)]
    lines = [
        f"not publishable: licence '{licence}' ({count} photo{'s' * (count > 1)}): {why}"
        for licence, count, why in rights.problems(used)
    ]
    return _at_most(lines, "licences")


def _at_most(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"... and {more} more {what}"] if more > 0 else [])


def outside(workspace: Workspace, folders: list[Path]) -> bool:
    """Whether the list holds photos of other folders than these."""
    roots = [folder.resolve() for folder in folders]
    paths = [workspace.root / entry.path for entry in read_list(workspace.sources) if entry.path]
    return not all(any(path.is_relative_to(root) for root in roots) for path in paths)
