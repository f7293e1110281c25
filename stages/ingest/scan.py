"""Growing the source list from folders: appends what is new, marks what was replaced."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from stages.engine.storage.digests import Digests
from stages.engine.storage.source_list import REPLACED, Problem, Source, read_list, write_list
from stages.engine.workspace import Workspace
from stages.ingest.codes import IngestCode
from stages.ingest.files import FileProblem, digest_capped
from stages.ingest.licences import UNKNOWN, Licences
from stages.ingest.places import Places, Root
from stages.ingest.sources import ScanError, forgotten, withdrawn_contents
from stages.ingest.walk import Walk


@dataclass
class ScanReport:
    """What a scan found."""

    added: int = 0
    replaced: int = 0
    """Files with other bytes than listed; also counted in `added`."""
    unchanged: int = 0
    relicensed: int = 0
    """Of the unchanged: entries whose licence or origin was updated in place."""
    purged: int = 0
    """Left out: photos that were withdrawn and purged."""
    problems: Counter[str] = field(default_factory=Counter)
    """Code to count, of listed files that cannot be used."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Suffix to count, of files that were not listed."""
    foreign: int = 0
    """JSON files beside photos that are somebody else's."""
    skipped: list[str] = field(default_factory=list)
    """Sidecars that cannot be used: which, why, what to do."""
    changed: bool = False
    """The list's bytes differ from before."""


def _readable(name: str) -> str:
    """A name of any bytes as text; bytes that are not UTF-8 as ``\\xff``."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _entry(photo: Path, batch: str, licences: Licences, digests: Digests, root: Root) -> Source:
    """The list entry of one photo-like file, or of what keeps it from being one."""
    path = root.listed(photo)
    try:
        path.encode()
    except UnicodeEncodeError:
        # Backslashes doubled first, so that no two names share a stand-in.
        readable = _readable(path.replace("\\", "\\\\"))
        problem = Problem(
            code=IngestCode.NAME_NOT_UTF8, message="has a name that is not UTF-8: rename it"
        )
        return _unusable(root, readable, batch, problem)
    try:
        size, digest = digest_capped(photo, digests)
    except FileProblem as found:
        return _unusable(root, path, batch, Problem(code=found.code, message=found.message))
    licence, origin = licences.of(photo)
    return Source(
        folder=root.folder,
        path=path,
        bytes=size,
        sha256=digest,
        licence=licence,
        origin=origin,
        batch=batch,
    )


def _unusable(root: Root, path: str, batch: str, problem: Problem) -> Source:
    return Source(
        folder=root.folder,
        path=path,
        bytes=0,
        sha256=None,
        licence=UNKNOWN,
        origin=UNKNOWN,
        batch=batch,
        problem=problem,
    )


def _found(
    folder: Path, root: Root, places: Places, batch: str, digests: Digests, report: ScanReport
) -> list[Source]:
    """Entries of all photo-like files below one folder; `report` learns what was passed over."""
    walk, licences = Walk(folder), Licences(folder)
    entries = []
    for path, error in walk:
        if error and path == folder:
            raise ScanError(
                f"{folder}: {error.strerror}; give a readable folder that holds photos"
            ) from error
        if error:
            message = f"cannot be opened ({error.strerror}): mend its permissions and scan again"
            problem = Problem(code=IngestCode.UNREADABLE_FOLDER, message=message)
            name = _readable(root.listed(path))
            entries.append(_unusable(root, name, batch, problem))
        else:
            own = places.root_for(path, root)
            entries.append(_entry(path, batch, licences, digests, own))
    if not entries:
        seen = ", ".join(f"{n} {name}" for name, n in sorted(walk.ignored.items())) or "nothing"
        raise ScanError(
            f"{folder}: no photos (JPEG, PNG, WebP, HEIC, AVIF) in it or below, only: {seen}"
        )
    report.ignored.update(walk.ignored)
    report.foreign += len(licences.foreign)
    report.skipped += licences.skipped.values()
    return entries


def _identity(entry: Source) -> tuple[str | None, str, bool]:
    """What makes two entries speak of one file; stand-ins for names are a world of their own."""
    stands_in = bool(entry.problem and entry.problem.code == IngestCode.NAME_NOT_UTF8)
    return entry.folder, entry.path, stands_in


def merge(entries: list[Source], found: Iterable[Source], report: ScanReport) -> list[Source]:
    """The list after a scan; pure, fills `report`'s counts.

    A file as listed stays where it is (its licence and origin are updated). A file with other
    bytes, or another problem, gets a new entry at the end; the old one is marked ``replaced``
    unless it was withdrawn. A file no longer there keeps its entry. A file whose name was purged is
    left out.
    """
    merged, purged = list(entries), forgotten(entries)
    last = {_identity(entry): index for index, entry in enumerate(merged)}
    for entry in found:
        if entry.sha256 in purged:
            report.purged += 1
            continue
        index = last.get(_identity(entry))
        listed = merged[index] if index is not None else None
        if entry.problem:
            report.problems[entry.problem.code] += 1
        if (
            index is not None
            and listed
            and (listed.sha256, listed.problem) == (entry.sha256, entry.problem)
        ):
            rights = {"licence": entry.licence, "origin": entry.origin}
            merged[index] = listed.model_copy(update=rights)
            report.unchanged += 1
            report.relicensed += merged[index] != listed
            continue
        if index is not None and listed:
            if listed.withdrawn is None:
                merged[index] = listed.model_copy(update={"withdrawn": REPLACED})
            report.replaced += 1
        last[_identity(entry)] = len(merged)
        merged.append(entry)
        report.added += 1
    return merged


def scan(
    folders: Iterable[Path],
    workspace: Workspace,
    *,
    batch: str | None = None,
    replace: bool = False,
    cache_path: Path | None = None,
) -> ScanReport:
    """List the photos of folders; the same folders scanned again change nothing, wherever they lie
    now.

    Args:
        folders: walked in the order given.
        workspace: whose list; paths inside the project are listed relative to it, others relative
            to the scanned folder, so that clones give the same list.
        batch: name of this delivery; each folder's own name when None.
        replace: start the list afresh (another source than before); withdrawals of the same bytes
            and purges stay in force.
        cache_path: remembers hashes between scans; may be deleted at any time.

    Raises:
        ScanError: no such folder, no photos in it, a malformed list or ledger. Nothing was
            written then.
    """
    listed = read_list(workspace.sources)
    digests, report, places = Digests(cache_path), ScanReport(), Places(workspace)
    found: list[Source] = []
    for given in folders:
        folder = Path(os.path.realpath(given))  # unlike resolve(), never raises
        root = places.root_of(folder, listed)
        label = batch or _readable(folder.name)
        places.put(root)
        found += _found(folder, root, places, label, digests, report)
    kept = [entry for entry in listed if not entry.path] if replace else listed
    merged = merge(kept, found, report)
    if replace:
        gone = withdrawn_contents(listed)
        merged = [
            e.model_copy(update={"withdrawn": gone.get(e.sha256 or "", e.withdrawn)})
            for e in merged
        ]
    report.changed = write_list(workspace.sources, merged)
    places.save()
    digests.save()
    return report
