"""Turn entries of the source list into units of work or rejects, and withdraw entries."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from stages.engine.stage import Reject, SourceEntry
from stages.engine.storage.source_list import REPLACED, Source, read_list, write_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.places import Places


class ScanError(FactoryError):
    """The scan cannot continue; the message is one line with the remedy."""


def withdraw(workspace: Workspace, what: str, reason: str) -> list[Source]:
    """Mark entries as withdrawn, by photo key, full sha256, name or path; return them.

    A withdrawal applies to the bytes: `make_units` rejects every entry with the same sha256, also
    those that later scans find under other names.

    Raises:
        ScanError: no entry matches, or no reason was given.
    """
    reason = " ".join(reason.split())
    if not reason or reason == REPLACED:
        raise ScanError(f"a withdrawal needs a reason in words, other than '{REPLACED}'")
    entries, places = read_list(workspace.sources), Places(workspace)
    digest = what.lower() if re.fullmatch(r"[0-9a-fA-F]{16,64}", what) else None
    file = Path(os.path.abspath(what))  # noqa: PTH100 - resolve() would follow the last link
    marked = []
    for index, entry in enumerate(entries):
        named = (
            entry.name == what
            or places.path(entry.folder, entry.path) == file
            or (digest and (entry.sha256 or "").startswith(digest))
        )
        # A replaced entry can be withdrawn too: its bytes may be in the list under another name.
        if named and entry.withdrawn in (None, REPLACED):
            entries[index] = replace(entry, withdrawn=reason)
            marked.append(entries[index])
    if not marked:
        raise ScanError(
            f"{what}: no entry in use has this key or path in {workspace.sources}; "
            "give a photo key (`sha256sum FILE | cut -c1-16`) or a path as in the list"
        )
    write_list(workspace.sources, entries)
    return marked


def forget(source_list: Path, digests: Collection[str]) -> None:
    """Remove the names, licences, origins, creators and titles of withdrawn photos from the list.

    The digests stay, so that a scan that finds the same bytes leaves them out.

    Raises:
        SourceListError: the list is malformed.
    """
    blank: dict[str, Any] = {
        "folder": None,
        "path": "",
        "licence": "unknown",
        "origin": "unknown",
        "batch": "",
    }
    blank |= {"creator": "unknown", "title": ""}
    entries = read_list(source_list)
    if purged := [entry for entry in entries if entry.sha256 in digests]:
        gone = {id(entry): replace(entry, **blank) for entry in purged}
        write_list(source_list, [gone.get(id(entry), entry) for entry in entries])


def purged_digests(entries: Iterable[Source]) -> set[str]:
    """Return the digests of the photos that were purged."""
    return {entry.sha256 for entry in entries if entry.sha256 and not entry.path}


def withdrawn_contents(entries: Iterable[Source]) -> dict[str, str]:
    """Map the sha256 of all withdrawn bytes to the reason."""
    return {
        entry.sha256: entry.withdrawn
        for entry in entries
        if entry.sha256 and entry.withdrawn and entry.withdrawn != REPLACED
    }


def make_units(entries: Iterable[Source]) -> tuple[list[SourceEntry], list[Reject]]:
    """Turn the lines of the list into ingest's units of work and rejects.

    Every line becomes exactly one of the two, both in list order, and no key occurs twice. The key
    of a unit is the first 16 digits of its content's digest. A reject has the same key when no unit
    has it (for unread files: 16 digits of the name's hash), else the digits with ``#1``, ``#2`` ...
    in list order. A reject names its line in the list, not its file, so that a renamed file gives
    the same result.
    """
    entries = list(entries)
    gone = withdrawn_contents(entries)
    owners: dict[str, int] = {}
    accepted: list[SourceEntry] = []
    rejected: list[tuple[int, str, str]] = []
    for position, entry in enumerate(entries):
        owner = owners.get(entry.key)
        reason = gone.get(entry.sha256 or "") or entry.withdrawn
        if reason == REPLACED:
            message = "was replaced by other bytes, which have their own entry"
            rejected.append((position, IngestAside.REPLACED, message))
        elif reason:
            rejected.append((position, IngestAside.WITHDRAWN, f"was withdrawn: {reason}"))
        elif entry.problem:
            rejected.append((position, entry.problem.code, entry.problem.message))
        elif owner is None:
            owners[entry.key] = position
            accepted.append(_unit(position, entry))
        elif entries[owner].sha256 == entry.sha256:
            message = "has the same bytes as an earlier photo"
            rejected.append((position, IngestAside.DUPLICATE, message))
        else:
            message = "has the key of another photo with other bytes: re-encode it"
            rejected.append((position, IngestCode.KEY_COLLISION, message))
    taken = set(owners)
    rejects = []
    counts: dict[str, int] = {}
    for position, code, message in rejected:
        entry = entries[position]
        key = entry.key
        while key in taken:
            counts[entry.key] = counts.get(entry.key, 0) + 1
            key = f"{entry.key}#{counts[entry.key]}"
        taken.add(key)
        evidence: dict[str, Any] = {"line": position, "sha256": entry.sha256}
        if code in (IngestAside.DUPLICATE, IngestCode.KEY_COLLISION):
            evidence["first"] = owners[entry.key]
        rejects.append(Reject(key, None, code, message, evidence))
    return accepted, rejects


def _unit(position: int, entry: Source) -> SourceEntry:
    """Make a unit: the photo's content is in its store key, its place is not."""
    return SourceEntry(
        position,
        entry.key,
        source={"sha256": entry.sha256, "bytes": entry.bytes},
        place={"folder": entry.folder, "path": entry.path},
    )
