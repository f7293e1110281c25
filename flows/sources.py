"""Maintain the source list, which DVC tracks: scan folders into it, add to it or replace it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flows.console import console
from flows.repository import LOCK, SOURCES, translate_errors
from flows.unfetched import count_scan
from stages.engine.printing import one_line
from stages.engine.storage.source_list import Source, exists, read_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import BucketPrefix, SourceLocation
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.places import Places, Root, recognise, share_present
from stages.ingest.scan import scan
from stages.ingest.urls.library import Library
from stages.ingest.urls.listing import is_url_list, read_url_list
from stages.package import rights

HASHES = Path(".cache") / "hashes.json"
"""Digests of the files that scans have hashed; relative to `Workspace.data`."""
_SHOWN = 3
"""Maximum number of sidecars or licences to name."""


def default_sources(workspace: Workspace) -> list[Path]:
    """Return the folder of the sample photos, and of the photos of people if they were fetched."""
    people = workspace.data / ".fetched" / "people"
    return [workspace.root / "samples" / "photos", *([people] if people.is_dir() else [])]


def update_source_list(
    workspace: Workspace,
    folders: Sequence[SourceLocation],
    batch: str | None = None,
    replace: bool = False,
) -> str:
    """Scan `folders` into the source list; return a summary.

    Args:
        workspace: the checkout.
        folders: folders, prefixes of buckets and lists of URLs to scan.
        batch: name of this delivery.
        replace: start a new list instead of adding to the present one.

    Raises:
        FactoryError: a folder does not exist, has no photos or contains this checkout, a bucket
            cannot be used, or the list is not here (`require_source_list`).
    """
    if not replace:
        require_source_list(workspace)
    for folder in folders:
        if isinstance(folder, Path) and workspace.root.resolve().is_relative_to(folder.resolve()):
            raise FactoryError(
                f"{folder.resolve()} contains this checkout, whose own pictures are not photos: "
                "name the folder of the photos"
            )
    with console.status("scanning") as status:
        report = scan(
            folders,
            workspace,
            batch=batch,
            replace=replace,
            cache_path=workspace.data / HASHES,
            progress=lambda done, count: status.update(f"fetching: {done:,} of {count:,}"),
        )
    count_scan(workspace, report.unfetched)
    track_source_list(workspace)
    told = f" ({report.relicensed} with another licence, origin, creator or title)"
    same = "unchanged" + (told if report.relicensed else "")
    counts = {"added": report.added, same: report.unchanged, "replaced": report.replaced}
    counts["left out: withdrawn and purged"] = report.purged
    words = [f"{count} {word}" for word, count in counts.items() if count]
    words += [f"{count} {code}" for code, count in report.problems.items()]
    ignored = sum(count for suffix, count in report.ignored.items() if suffix != ".json")
    words += [f"{ignored} other files ignored"] if ignored else []
    foreign = f"{report.foreign} JSON file{'s' * (report.foreign > 1)} of other programs left alone"
    words += [foreign] if report.foreign else []
    lines = ["source list: " + (", ".join(words) or "nothing found")]
    for code, example in report.examples.items():
        more = report.problems[code] - 1
        lines.append(f"{code}: {example}" + (f" (and {more} more)" if more else ""))
    lines += _truncate([f"left as it was: {line}" for line in report.kept], "photos")
    lines += _truncate([f"sidecar left out: {line}" for line in report.skipped], "sidecars")
    lines += _describe_unpublishable(workspace)
    return "\n".join(_shorten(one_line(line)) for line in lines)


def _describe_unpublishable(workspace: Workspace) -> list[str]:
    """Write a line for each licence that forbids publishing the data set."""
    entries = read_list(workspace.sources)
    used = [
        rights.Rights(entry.licence, entry.creator, entry.origin)
        for entry in entries
        if not (entry.withdrawn or entry.problem)
    ]
    lines = [
        f"not publishable: licence '{licence}' ({count} photo{'s' * (count > 1)}): {problem}"
        for licence, count, problem in rights.find_problems(used, _licence_policy(workspace))
    ]
    return _truncate(lines, "licences")


def _licence_policy(workspace: Workspace) -> rights.LicencePolicy:
    """Return the policy of params.yaml; the default one if a section is wrong, which a build
    reports."""
    from stages.catalogue import load_params
    from stages.package.stage import PackageParams

    try:
        section = load_params(workspace.root)["package"]
    except FactoryError:
        return rights.LicencePolicy()
    assert isinstance(section, PackageParams)  # noqa: S101
    return section.licences


def _shorten(line: str) -> str:
    """Return a line without the middle of a very long path."""
    return line if len(line) <= 400 else f"{line[:150]} ... {line[-250:]}"


def _truncate(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"... and {more} more {what}"] if more > 0 else [])


def track_source_list(workspace: Workspace) -> None:
    """Have DVC track this version of the list and update `SOURCES`, which git tracks.

    Raises:
        FactoryError: DVC fails (another DVC command is running, or there is no repository).
    """
    from dvc.repo import Repo
    from dvc.repo.add import add

    with translate_errors(workspace), Repo(str(workspace.root)) as repo:
        repo.scm_context.quiet = True
        add(repo, str(workspace.sources))


def require_source_list(workspace: Workspace) -> None:
    """Require the source list if the checkout has a data set, so that nobody starts another list.

    Raises:
        FactoryError: the list is missing; says how to get it.
    """
    if exists(workspace.sources):
        return
    if (workspace.root / SOURCES).exists():
        raise FactoryError(
            f"the source list of this checkout's data set is not here: get it with `dvc pull "
            f"{SOURCES}` (the whole data set: `dvc pull`), or start another data set with "
            "`flawfactory build --source FOLDER --replace`"
        )
    if (workspace.root / LOCK).exists():
        raise FactoryError(
            f"dvc.lock belongs to a data set whose source list is missing: {SOURCES} is not in "
            "git; whoever built it has to `git add data/sources.dvc dvc.lock`, then `dvc push`; "
            "start another data set with `flawfactory build --source FOLDER --replace`"
        )


def prepare_source_list(
    workspace: Workspace, given: Sequence[SourceLocation], *, add: bool, replace: bool
) -> str | None:
    """Update the source list for a build; return a summary, or None if nothing was scanned.

    Without folders the list stays as it is; if there is none yet, the sample photos are scanned.
    Photos of a folder that is new to the list need `add` or `replace`, unless the list has nothing
    but sample photos, which are then replaced.

    Args:
        workspace: the checkout.
        given: folders, prefixes of buckets and lists of URLs to scan.
        add: keep the present photos.
        replace: start a new list.

    Raises:
        FactoryError: a folder is new and neither `add` nor `replace` is set, or as
            `update_source_list` does.
    """
    if not given:
        if exists(workspace.sources):
            return None
        require_source_list(workspace)
        return update_source_list(workspace, default_sources(workspace))
    if not (add or replace) and (new := unknown_folders(workspace, given)):
        if not all(map(_is_sample, read_list(workspace.sources))):
            raise FactoryError(
                f"the data set has no photos of {new[0]} yet: give --add to add them, or --replace "
                "to start another data set in its place"
            )
        replace = exists(workspace.sources)
    return update_source_list(workspace, given, replace=replace)


def _is_sample(entry: Source) -> bool:
    return entry.folder is None and entry.path.startswith(("samples/photos/", "data/.fetched/"))


def unknown_folders(workspace: Workspace, given: Sequence[SourceLocation]) -> list[SourceLocation]:
    """Return those of the sources of which the list has no photo; a withdrawn one may be of an
    earlier list."""
    entries, places = read_list(workspace.sources), Places(workspace)
    used = [entry for entry in entries if entry.withdrawn is None]
    names = {entry.path for entry in used if entry.folder is None}
    folders = [each for each in given if isinstance(each, Path) and not is_url_list(each)]
    reals = {folder: Path(os.path.realpath(folder)) for folder in folders}
    for real in reals.values():  # recognise a folder of the list that was moved
        places.put(places.root_of(real, entries))
    files = [places.path(entry.folder, entry.path) for entry in used if entry.path]

    def is_known(source: SourceLocation) -> bool:
        if isinstance(source, BucketPrefix):
            start = Mirror.of(workspace).listed_path(source.bucket, source.start)
            return any(name.startswith(start) for name in names)
        if source not in reals:
            return not names.isdisjoint(_paths_of_urls(source, workspace))
        return any(file and file.is_relative_to(reals[source]) for file in files)

    return [source for source in given if not is_known(source)]


def _paths_of_urls(path: Path, workspace: Workspace) -> set[str]:
    """Return the paths that the source list has for the URLs of a list."""
    library = Library.of(workspace)
    return {library.listed_path(each.url) for each in read_url_list(path) if each.url}


def record_location(workspace: Workspace, given: Path, name: str | None = None) -> str:
    """Record that a folder of the list is at `given` on this machine; return a summary.

    Args:
        workspace: the checkout.
        given: the folder on this machine.
        name: the folder's name in the list; None recognises it by its files.

    Raises:
        FactoryError: there is no such folder, or none of the list's folders has these files.
    """
    place = Path(os.path.realpath(given))
    if not place.is_dir():
        raise FactoryError(f"{given}: no such folder")
    require_source_list(workspace)
    entries, places = read_list(workspace.sources), Places(workspace)
    folders = list(dict.fromkeys(e.folder for e in entries if e.folder is not None))
    if name is not None and name not in folders:
        known = ", ".join(folders) or "none: all photos lie inside the project"
        raise FactoryError(f"the list has no folder {name}; it has: {known}")
    found = name or recognise(place, entries, folders)
    if found is None:
        known = ", ".join(folders) or "none: all photos lie inside the project"
        raise FactoryError(
            f"{given} does not contain the files of a folder of the list ({known}); name the "
            "folder with --as, or `flawfactory scan` it if it is new"
        )
    places.put(Root(found, place))
    places.save()
    share = share_present(place, entries, found)
    return f"{found} is at {place}: {share:.0%} of its photos are there"
