"""The source list: one JSON line a file, and how its entries become units of work or rejects."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.engine.files import write_atomically
from stages.engine.stage import Reject, SourceEntry
from stages.engine.workspace import FactoryError
from stages.ingest.codes import IngestAside, IngestCode

REPLACED = "replaced"
"""The withdrawal mark of an entry whose file has other bytes now; the new bytes follow later."""
KEY_LENGTH = 16


class ScanError(FactoryError):
    """The scan cannot go on; the message is one line and says what to do."""


class Problem(BaseModel):
    """Why a listed file could not even be hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    """The reject's (`codes.py`)."""
    message: str


class Source(BaseModel):
    """One file the scan came across."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    """POSIX path, relative to the project when inside it, absolute otherwise. With problem
    ``name_not_utf8``: a readable stand-in for the name, which opens nothing. Empty: purged."""
    bytes: int
    """Size; 0 when unknown."""
    sha256: str | None
    """Of the file's bytes; None when they could not be read."""
    licence: str
    """SPDX identifier, or the ledger's words; ``unknown`` when nobody said."""
    origin: str
    batch: str
    """Name of the delivery: the scanned folder's name, or what the scan was told."""
    withdrawn: str | None = None
    """Reason of the withdrawal, or ``replaced``; None while in use."""
    problem: Problem | None = None

    @property
    def key(self) -> str:
        """16 hex digits from the content, or from the path where the content is unknown."""
        digest = self.sha256 or hashlib.sha256(self.path.encode()).hexdigest()
        return digest[:KEY_LENGTH]


def read_list(path: Path) -> list[Source]:
    """The entries of a source list, in order; none when there is no list yet.

    Raises:
        ScanError: a line is not an entry.
    """
    if not path.exists():
        return []
    entries = []
    # Bytes split at \n only: a file name may hold U+2028, which str.splitlines would break at.
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entries.append(Source.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ScanError(
                f"{path}, line {number}: {where} {first['msg']}; "
                "restore the list from version control, or delete it and scan again"
            ) from error
    return entries


def write_list(path: Path, entries: Iterable[Source]) -> bool:
    """Write the list atomically; True when its bytes changed (an equal list is left alone)."""
    data = "".join(f"{entry.model_dump_json()}\n" for entry in entries).encode()
    if path.exists() and path.read_bytes() == data:
        return False
    write_atomically(path, data)
    return True


def listed_path(path: Path, project_root: Path) -> str:
    """`path` as the list writes it: relative to the project when inside it. Names are UTF-8."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the last link
    try:
        return absolute.relative_to(project_root).as_posix()
    except ValueError:
        return absolute.as_posix()


def withdraw(list_path: Path, what: str, reason: str, project_root: Path) -> list[Source]:
    """Mark entries as withdrawn: by photo key, full sha256, or path. Returns what was marked.

    A withdrawal is of the bytes: `units` rejects every entry with the same sha256 too, also those
    that later scans find under other names.

    Raises:
        ScanError: nothing matches, or no reason was given.
    """
    reason = " ".join(reason.split())
    if not reason or reason == REPLACED:
        raise ScanError(f"a withdrawal needs a reason in words, other than '{REPLACED}'")
    entries = read_list(list_path)
    digest = what.lower() if re.fullmatch(r"[0-9a-fA-F]{16,64}", what) else None
    paths = {what, listed_path(Path(what), project_root.resolve())}
    marked = []
    for index, entry in enumerate(entries):
        named = entry.path in paths or (digest and (entry.sha256 or "").startswith(digest))
        # A replaced entry may be named too: its bytes can stand elsewhere in the list.
        if named and entry.withdrawn in (None, REPLACED):
            entries[index] = entry.model_copy(update={"withdrawn": reason})
            marked.append(entries[index])
    if not marked:
        raise ScanError(
            f"{what}: no entry in use has this key or path in {list_path}; "
            "give a photo key from the manifest or a path as the list writes it"
        )
    write_list(list_path, entries)
    return marked


def forget(list_path: Path, digests: Collection[str]) -> None:
    """Take the names and words of withdrawn photos out of the list. Their digests stay, so that a
    scan that comes across the same bytes leaves them out.

    Raises:
        ScanError: the list is malformed.
    """
    nothing = {"path": "", "licence": "unknown", "origin": "unknown", "batch": ""}
    entries = read_list(list_path)
    if purged := [entry for entry in entries if entry.sha256 in digests]:
        gone = {id(entry): entry.model_copy(update=nothing) for entry in purged}
        write_list(list_path, [gone.get(id(entry), entry) for entry in entries])


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
    digits of the path's hash), else the digits with ``#1``, ``#2`` ... in list order.
    """
    entries = list(entries)
    gone = withdrawn_contents(entries)
    owners: dict[str, Source] = {}
    accepted: list[SourceEntry] = []
    fallen: list[tuple[Source, str, str]] = []
    for position, entry in enumerate(entries):
        owner = owners.get(entry.key)
        reason = gone.get(entry.sha256 or "") or entry.withdrawn
        if reason == REPLACED:
            message = f"{entry.path} had other bytes later, which follow as an entry of their own"
            fallen.append((entry, IngestAside.REPLACED, message))
        elif reason:
            name = entry.path or "a photo whose name was purged"
            fallen.append((entry, IngestAside.WITHDRAWN, f"{name} was withdrawn: {reason}"))
        elif entry.problem:
            message = f"{entry.path} {entry.problem.message}"
            fallen.append((entry, entry.problem.code, message))
        elif owner is None:
            owners[entry.key] = entry
            accepted.append(SourceEntry(position, entry.key, entry.model_dump(mode="json")))
        elif owner.sha256 == entry.sha256:
            message = f"{entry.path} has the same bytes as {owner.path}"
            fallen.append((entry, IngestAside.DUPLICATE, message))
        else:
            message = f"{entry.path} has the key of {owner.path} but other bytes: re-encode it"
            fallen.append((entry, IngestCode.KEY_COLLISION, message))
    taken = set(owners)
    rejects = []
    counts: dict[str, int] = {}
    for entry, code, message in fallen:
        key = entry.key
        while key in taken:
            counts[entry.key] = counts.get(entry.key, 0) + 1
            key = f"{entry.key}#{counts[entry.key]}"
        taken.add(key)
        evidence: dict[str, Any] = {"path": entry.path, "sha256": entry.sha256}
        if code == IngestAside.DUPLICATE:
            evidence["first"] = owners[entry.key].path
        rejects.append(Reject(key, None, code, message, evidence))
    return accepted, rejects
