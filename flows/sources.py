"""Where photos come from: the folders a person names, or the sample photos."""

from __future__ import annotations

from pathlib import Path

from stages.engine.workspace import Workspace
from stages.ingest.scan import scan
from stages.ingest.sources import read_list

HASHES = Path(".cache") / "hashes.json"
"""Below `Workspace.data`: what a scan remembers of the files it hashed."""


def default_sources(workspace: Workspace) -> list[Path]:
    """The vendored sample photos, and the fetched photos of people where they are."""
    people = workspace.data / ".fetched" / "people"
    return [workspace.root / "samples" / "photos", *([people] if people.is_dir() else [])]


def update_source_list(
    workspace: Workspace, folders: list[Path], batch: str | None = None, replace: bool = False
) -> str:
    """Scan `folders` into the source list; returns what happened in words.

    Raises:
        FactoryError: no such folder, or no photos in it.
    """
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
    words += [f"{ignored} files that are no photos ignored"] if ignored else []
    return "source list: " + (", ".join(words) or "nothing found")


def outside(workspace: Workspace, folders: list[Path]) -> bool:
    """Whether the list holds photos of other folders than these."""
    roots = [folder.resolve() for folder in folders]
    paths = [workspace.root / entry.path for entry in read_list(workspace.sources) if entry.path]
    return not all(any(path.is_relative_to(root) for root in roots) for path in paths)
