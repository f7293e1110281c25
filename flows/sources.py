"""Where photos come from: the folders a person names, or the sample photos; the list that DVC
tracks; and what may take whose place in it."""

from __future__ import annotations

import os
from pathlib import Path

from flows.repository import LOCK, SOURCES, told_in_a_line
from stages.engine.storage.source_list import Source, exists, read_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.places import Places, Root, recognise, share_present
from stages.ingest.scan import scan
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
        FactoryError: no such folder, no photos in it, it holds this checkout, or the list is away
            (`require_list`).
    """
    if not replace:
        require_list(workspace)
    for folder in folders:
        if workspace.root.resolve().is_relative_to(folder.resolve()):
            raise FactoryError(
                f"{folder.resolve()} holds this checkout, whose own pictures are no photos: name "
                "the folder of the photos"
            )
    report = scan(
        folders,
        workspace,
        batch=batch,
        replace=replace,
        cache_path=workspace.data / HASHES,
    )
    track(workspace)
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
        for licence, count, why in rights.find_problems(used)
    ]
    return _at_most(lines, "licences")


def _at_most(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"... and {more} more {what}"] if more > 0 else [])


def track(workspace: Workspace) -> None:
    """Have DVC keep this version of the list; `SOURCES` then names it, for git to carry.

    Raises:
        FactoryError: DVC cannot (another DVC command is running, no repository).
    """
    from dvc.repo import Repo
    from dvc.repo.add import add

    with told_in_a_line(workspace), Repo(str(workspace.root)) as repo:
        repo.scm_context.quiet = True
        add(repo, str(workspace.sources))


def require_list(workspace: Workspace) -> None:
    """Let nobody start a list of their own beside a data set whose list is only not here.

    Raises:
        FactoryError: says where the list is to be had.
    """
    if exists(workspace.sources):
        return
    if (workspace.root / SOURCES).exists():
        raise FactoryError(
            f"this checkout has a data set whose photos' list is not here: `dvc pull {SOURCES}` "
            "(all of it: `dvc pull`); to start another: `flawfactory build --source FOLDER "
            "--replace`"
        )
    if (workspace.root / LOCK).exists():
        raise FactoryError(
            f"dvc.lock is of a data set whose list did not come along: {SOURCES} belongs into git "
            "(whoever built it: `git add data/sources.dvc dvc.lock`, then `dvc push`); to start "
            "another: `flawfactory build --source FOLDER --replace`"
        )


def prepare(workspace: Workspace, given: list[Path], *, add: bool, replace: bool) -> str | None:
    """Bring the list to what a build was asked for; returns what happened, None when nothing did.

    Without folders the list stays; where there was none yet, it is that of the sample photos.
    A folder that the list does not know joins it, or takes its place, only when that is said; the
    samples, nobody's data set, give way.

    Raises:
        FactoryError: says what to type.
    """
    if not given:
        if exists(workspace.sources):
            return None
        require_list(workspace)
        return update_source_list(workspace, default_sources(workspace))
    if not (add or replace) and (new := strangers(workspace, given)):
        if not all(map(_is_sample, read_list(workspace.sources))):
            raise FactoryError(
                f"the data set has photos, none of them of {new[0]}: --add to have both, --replace "
                "to start another in its place"
            )
        replace = exists(workspace.sources)
    return update_source_list(workspace, given, replace=replace)


def _is_sample(entry: Source) -> bool:
    return entry.folder is None and entry.path.startswith(("samples/photos/", "data/.fetched/"))


def strangers(workspace: Workspace, folders: list[Path]) -> list[Path]:
    """Which of `folders` the list has no photo of."""
    entries, places = read_list(workspace.sources), Places(workspace)
    reals = {folder: Path(os.path.realpath(folder)) for folder in folders}
    for real in reals.values():  # a folder of the list that lies elsewhere now is no stranger
        places.put(places.root_of(real, entries))
    files = [places.path(entry.folder, entry.path) for entry in entries if entry.path]
    return [
        folder
        for folder, real in reals.items()
        if not any(file and file.is_relative_to(real) for file in files)
    ]


def locate(workspace: Workspace, given: Path, name: str | None = None) -> str:
    """Remember that a folder of the list lies at `given` on this machine; returns it in words.

    Raises:
        FactoryError: no such folder, or none of the list's folders has these files.
    """
    place = Path(os.path.realpath(given))
    if not place.is_dir():
        raise FactoryError(f"{given}: no such folder")
    require_list(workspace)
    entries, places = read_list(workspace.sources), Places(workspace)
    folders = list(dict.fromkeys(e.folder for e in entries if e.folder is not None))
    if name is not None and name not in folders:
        known = ", ".join(folders) or "none: all photos lie inside the project"
        raise FactoryError(f"the list has no folder {name}; it has: {known}")
    found = name or recognise(place, entries, folders)
    if found is None:
        known = ", ".join(folders) or "none: all photos lie inside the project"
        raise FactoryError(
            f"{given} does not hold the files of a folder of the list ({known}); name the one it "
            "is with --as, or `flawfactory scan` it when it is new"
        )
    places.put(Root(found, place))
    places.save()
    share = share_present(place, entries, found)
    return f"{found} lies at {place}: {share:.0%} of its photos are there"
