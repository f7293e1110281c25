"""Scan folders, buckets and lists of URLs into the source list: append new photos, mark replaced
ones."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from stages.engine.codes import FetchCode
from stages.engine.storage.digests import Digests
from stages.engine.storage.source_list import REPLACED, Problem, Source, read_list, write_list
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import BucketPrefix, SourceLocation
from stages.ingest.codes import IngestCode
from stages.ingest.files import FileProblem, digest_capped
from stages.ingest.licences import UNKNOWN, Licences, PhotoRights
from stages.ingest.places import Places, Root
from stages.ingest.sources import ScanError, purged_digests, withdrawn_contents
from stages.ingest.urls.listing import is_url_list
from stages.ingest.walk import Walk

_PASSING = (IngestCode.UNREADABLE, IngestCode.UNREADABLE_FOLDER)
"""Problems of a file or folder that end without another size or time: a disk or server is back."""


@dataclass
class ScanReport:
    """The counts of a scan."""

    added: int = 0
    replaced: int = 0
    """Files whose bytes differ from the list; also counted in `added`."""
    unchanged: int = 0
    relicensed: int = 0
    """Unchanged files whose licence, origin, creator or title was updated in place."""
    purged: int = 0
    """Files left out because the photo was withdrawn and purged."""
    problems: Counter[str] = field(default_factory=Counter)
    """Reject code to the count of listed files that cannot be used."""
    examples: dict[str, str] = field(default_factory=dict)
    """Reject code to the first file that cannot be used, and why."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Suffix to the count of files that were not listed."""
    foreign: int = 0
    """Number of JSON files of other programs beside photos."""
    skipped: list[str] = field(default_factory=list)
    """Messages on sidecars that cannot be used: the file, the reason and the remedy."""
    kept: list[str] = field(default_factory=list)
    """Messages on objects of a bucket that have changed but cannot be fetched: the object and the
    reason. The photos stay as they were."""
    unfetched: dict[SourceLocation, list[str]] = field(default_factory=dict)
    """Each source to the names of its files that could not be fetched or read for a reason that may
    pass: the next scan tries them again."""
    changed: bool = False
    """Whether the list has changed."""


def _escape(name: str) -> str:
    """Return a name of any bytes as text, with bytes that are not UTF-8 as ``\\xff``."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _make_entry(
    photo: Path, batch: str, licences: Licences, digests: Digests, root: Root
) -> Source:
    """Make the list entry of a file with a photo's suffix, with a problem if it cannot be used."""
    path = root.listed_path(photo)
    try:
        path.encode()
    except UnicodeEncodeError:
        # Double the backslashes first, so that different names have different escaped names.
        escaped = _escape(path.replace("\\", "\\\\"))
        problem = Problem(
            code=IngestCode.NAME_NOT_UTF8, message="has a name that is not UTF-8: rename it"
        )
        return _make_unusable(root, escaped, batch, problem)
    try:
        size, digest = digest_capped(photo, digests)
    except FileProblem as found:
        return _make_unusable(root, path, batch, Problem(code=found.code, message=found.message))
    return Source(
        folder=root.folder,
        path=path,
        bytes=size,
        sha256=digest,
        batch=batch,
        **asdict(licences.of(photo)),
    )


def _make_unusable(root: Root, path: str, batch: str, problem: Problem) -> Source:
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


def _scan_folder(
    folder: Path, root: Root, places: Places, batch: str, digests: Digests, report: ScanReport
) -> list[Source]:
    """Make the entries of all files with a photo's suffix below a folder; update `report`."""
    walk, licences = Walk(folder), Licences(folder)
    entries = []
    for path, error in walk:
        if error and path == folder:
            raise ScanError(
                f"{folder}: {error.strerror}; give a readable folder with photos"
            ) from error
        if error:
            message = f"cannot be opened ({error.strerror}): fix its permissions and scan again"
            problem = Problem(code=IngestCode.UNREADABLE_FOLDER, message=message)
            name = _escape(root.listed_path(path))
            entries.append(_make_unusable(root, name, batch, problem))
        else:
            own = places.root_for(path, root)
            entries.append(_make_entry(path, batch, licences, digests, own))
    if not entries:
        others = ", ".join(f"{n} {name}" for name, n in sorted(walk.ignored.items()))
        raise ScanError(
            f"{folder}: no photos (JPEG, PNG, WebP, HEIC, AVIF) in it or below"
            + (f", only: {others}" if others else "")
        )
    report.ignored.update(walk.ignored)
    report.foreign += len(licences.foreign)
    report.skipped += licences.skipped.values()
    return entries


def _identity(entry: Source) -> tuple[str | None, str, bool]:
    """Return the identity of an entry's file; escaped names never equal other names."""
    escaped = bool(entry.problem and entry.problem.code == IngestCode.NAME_NOT_UTF8)
    return entry.folder, entry.path, escaped


def merge(entries: list[Source], found: Iterable[Source], report: ScanReport) -> list[Source]:
    """Merge the entries of a scan into the list; counts them in `report`.

    A file with the listed bytes keeps its entry; what is said about it is updated. A file with
    other bytes, or another problem, gets a new entry at the end; the old entry is marked
    ``replaced`` unless it was withdrawn. A file that no longer exists keeps its entry. A file whose
    photo was purged is left out.
    """
    merged, purged = list(entries), purged_digests(entries)
    last = {_identity(entry): index for index, entry in enumerate(merged)}
    for entry in found:
        if entry.sha256 in purged:
            report.purged += 1
            continue
        index = last.get(_identity(entry))
        listed = merged[index] if index is not None else None
        if entry.problem:
            code = entry.problem.code
            report.problems[code] += 1
            report.examples.setdefault(code, f"{entry.path} {entry.problem.message}")
        if (
            index is not None
            and listed
            and listed.withdrawn != REPLACED  # its successor was purged and has no name
            and (listed.sha256, listed.problem) == (entry.sha256, entry.problem)
        ):
            rights = {field.name: getattr(entry, field.name) for field in fields(PhotoRights)}
            merged[index] = dataclasses.replace(listed, **rights)
            report.unchanged += 1
            report.relicensed += merged[index] != listed
            continue
        if index is not None and listed:
            if listed.withdrawn is None:
                merged[index] = dataclasses.replace(listed, withdrawn=REPLACED)
            report.replaced += 1
        last[_identity(entry)] = len(merged)
        merged.append(entry)
        report.added += 1
    return merged


def _keep_unfetched(
    found: Iterable[Source], listed: Iterable[Source], report: ScanReport
) -> Iterator[Source]:
    """Yield the entries of a bucket, with the listed one in place of an object that cannot be
    fetched now: a server that fails for a while takes no photo out of the list."""
    last = {entry.path: entry for entry in listed if entry.folder is None}
    for entry in found:
        problem, before = entry.problem, last.get(entry.path)
        was_there = before and before.sha256 and before.withdrawn != REPLACED
        if before and was_there and problem and problem.code == FetchCode.NOT_FETCHED:
            report.kept.append(f"{entry.path} {problem.message}")
            yield before
        else:
            yield entry


def _keep_withdrawals(listed: list[Source], found: list[Source]) -> list[Source]:
    """Return the entries that a new list takes over: purged photos, and withdrawn ones that were
    not found now, so that they stay out when a later scan finds them."""
    digests = {entry.sha256 for entry in found}
    return [
        entry
        for entry in listed
        if not entry.path or (withdrawn_contents([entry]) and entry.sha256 not in digests)
    ]


def scan(
    folders: Iterable[SourceLocation],
    workspace: Workspace,
    *,
    batch: str | None = None,
    replace: bool = False,
    cache_path: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> ScanReport:
    """Add the photos of folders, buckets and lists of URLs to the source list.

    Scanning the same folders again changes nothing, also after they were moved.

    Args:
        folders: folders, prefixes of buckets and lists (`is_url_list`), in the order in which they
            are scanned.
        workspace: the workspace of the list. Paths inside the project are listed relative to it,
            others relative to the scanned folder, so that clones give the same list.
        batch: name of this delivery; each folder's own name when None.
        replace: start a new list (from another source); withdrawals and purges stay in force, also
            of photos that are not found now.
        cache_path: cache of hashes between scans; may be deleted at any time.
        progress: called with the number of files that were fetched and of all files to fetch from
            a bucket or list.

    Raises:
        ScanError: a folder does not exist or has no photos, the list or a ledger is malformed, or
            lists of URLs are off; nothing was written.
        FactoryError: a bucket cannot be used; nothing was written.
    """
    listed = read_list(workspace.sources)
    digests, report, places = Digests(cache_path), ScanReport(), Places(workspace)
    found: list[Source] = []
    for given in folders:
        if isinstance(given, BucketPrefix):
            from stages.ingest.buckets.scan import scan_bucket  # no other scan needs its libraries

            label = batch or given.name
            fetched = scan_bucket(
                given, workspace, label, digests, purged_digests(listed), progress
            )  # fmt: skip
            found += _keep_unfetched(fetched.entries, listed, report)
            report.ignored.update(fetched.ignored)
            report.foreign += fetched.foreign
            report.skipped += fetched.skipped
            report.kept += fetched.kept
            report.unfetched[given] = fetched.unfetched
            continue
        if is_url_list(given):
            from stages.ingest.urls.scan import scan_urls  # no other scan needs its libraries

            label = batch or _escape(given.stem)
            entries, report.unfetched[given] = scan_urls(
                given, workspace, label, purged_digests(listed), progress
            )
            found += entries
            continue
        folder = Path(os.path.realpath(given))  # unlike resolve(), never raises
        root = places.root_of(folder, listed)
        label = batch or _escape(folder.name)
        places.put(root)
        entries = _scan_folder(folder, root, places, label, digests, report)
        report.unfetched[given] = [
            e.name for e in entries if e.problem and e.problem.code in _PASSING
        ]
        found += entries
    kept = _keep_withdrawals(listed, found) if replace else listed
    merged = merge(kept, found, report)
    if replace:
        gone = withdrawn_contents(listed)
        merged = [
            dataclasses.replace(e, withdrawn=gone.get(e.sha256 or "", e.withdrawn)) for e in merged
        ]
    report.changed = write_list(workspace.sources, merged)
    places.save()
    digests.save()
    return report
