"""How entries of the source list become units of work or rejects, and how they are withdrawn."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from stages.engine.stage import Reject, SourceEntry
from stages.engine.storage.source_list import REPLACED, Source, read_list, write_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.places import Places


class ScanError(FactoryError):
    """The scan cannot go on; the message is one line and says what to do."""


def withdraw(workspace: Workspace, what: str, reason: str) -> list[Source]:
    """Mark entries as withdrawn: by photo key, full sha256, name, or path. Returns what was marked.

    A withdrawal is of the bytes: `units` rejects every entry with the same sha256 too, also those
    that later scans find under other names.

    Raises:
        ScanError: nothing matches, or no reason was given.
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
        # A replaced entry may be named too: its bytes can stand elsewhere in the list.
        if named and entry.withdrawn in (None, REPLACED):
            entries[index] = entry.model_copy(update={"withdrawn": reason})
            marked.append(entries[index])
    if not marked:
        raise ScanError(
            f"{what}: no entry in use has this key or path in {workspace.sources}; "
            "give a photo key from the manifest or a path as the list writes it"
        )
    write_list(workspace.sources, entries)
    return marked


def forget(source_list: Path, digests: Collection[str]) -> None:
    """Take the names and words of withdrawn photos out of the list. Their digests stay, so that a
    scan that comes across the same bytes leaves them out.

    Raises:
        SourceListError: the list is malformed.
    """
    nothing = {"folder": None, "path": "", "licence": "unknown", "origin": "unknown", "batch": ""}
    entries = read_list(source_list)
    if purged := [entry for entry in entries if entry.sha256 in digests]:
        gone = {id(entry): entry.model_copy(update=nothing) for entry in purged}
        write_list(source_list, [gone.get(id(entry), entry) for entry in entries])


def forgotten(entries: Iterable[Source]) -> set[str]:
    """Digests of the photos whose names were purged."""
    return {entry.sha256 for entry in entries if entry.sha256 and not entry.path}


def withdrawn_contents(entries: Iterable[Source]) -> dict[str, str]:
    """sha256 to reason for all bytes that someone withdrew."""
    return {
        entry.sha256: entry.withdrawn
        for entry in entries
        if entry.sha256 and entry.withdrawn and entry.withdrawn != REPLACED
    }


def units(entries: Iterable[Source]) -> tuple[list[SourceEntry], list[Reject]]:
    """Lines of the list to ingest's units of work and rejects.

    Every line ends in exactly one of the two, both in list order, and no key occurs twice. A unit
    owns its content's 16 digits; a reject takes them when no unit has them (for unread files: 16
    digits of the name's hash), else the digits with ``#1``, ``#2`` ... in list order. A reject
    names its line of the list, not its file: another name is no other result.
    """
    entries = list(entries)
    gone = withdrawn_contents(entries)
    owners: dict[str, int] = {}
    accepted: list[SourceEntry] = []
    fallen: list[tuple[int, str, str]] = []
    for position, entry in enumerate(entries):
        owner = owners.get(entry.key)
        reason = gone.get(entry.sha256 or "") or entry.withdrawn
        if reason == REPLACED:
            message = "had other bytes later, which follow as an entry of their own"
            fallen.append((position, IngestAside.REPLACED, message))
        elif reason:
            fallen.append((position, IngestAside.WITHDRAWN, f"was withdrawn: {reason}"))
        elif entry.problem:
            fallen.append((position, entry.problem.code, entry.problem.message))
        elif owner is None:
            owners[entry.key] = position
            accepted.append(_unit(position, entry))
        elif entries[owner].sha256 == entry.sha256:
            message = "has the same bytes as an earlier photo"
            fallen.append((position, IngestAside.DUPLICATE, message))
        else:
            message = "has the key of another photo but other bytes: re-encode it"
            fallen.append((position, IngestCode.KEY_COLLISION, message))
    taken = set(owners)
    rejects = []
    counts: dict[str, int] = {}
    for position, code, message in fallen:
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
    """What the photo is enters its key, where it lies does not."""
    return SourceEntry(
        position,
        entry.key,
        source={"sha256": entry.sha256, "bytes": entry.bytes},
        place={"folder": entry.folder, "path": entry.path},
    )
