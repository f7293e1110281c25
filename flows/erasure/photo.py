"""Whose traces are looked for."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from stages.engine.storage.source_list import KEY_LENGTH, Source, read_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.places import Places
from stages.ingest.sources import withdrawn_contents


@dataclass(frozen=True)
class Photo:
    """A withdrawn photo."""

    key: str
    sha256: str | None
    """None when only the key is known: the list has no such entry."""
    paths: tuple[str, ...]
    """Its names in the list, no photo in use among them."""
    files: tuple[Path, ...]
    """The same, as far as their folders are on this machine."""
    listed: tuple[str, ...] = ()
    """The same, relative to their folders: the list's own spelling."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """The paths as files and databases may spell them, JSON's escapes included."""
        return _spellings({*self.paths, *map(str, self.files)})

    @property
    def traces(self) -> tuple[bytes, ...]:
        """The names, and what the list's own files write: short, so for whole files alone."""
        return _spellings({*self.paths, *map(str, self.files), *self.listed})


def _spellings(texts: set[str]) -> tuple[bytes, ...]:
    return tuple(sorted({s.encode() for t in texts for s in (t, json.dumps(t)[1:-1])}))


def find_photo(workspace: Workspace, what: str) -> Photo:
    """The photo of that key, sha256 or listed path.

    Raises:
        FactoryError: it is in use, or nobody knows it.
    """
    entries = read_list(workspace.sources)
    is_digest = re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH},64}}", what)
    places, file = Places(workspace), Path(os.path.abspath(what))  # noqa: PTH100 - keeps links

    def meant(entry: Source) -> bool:
        if is_digest:
            return (entry.sha256 or "").startswith(what)
        return bool(entry.path) and (
            entry.name == what or places.path(entry.folder, entry.path) == file
        )

    found = next(filter(meant, entries), None)
    if found is None and is_digest:
        return Photo(what[:KEY_LENGTH], None, (), ())
    if found is None or found.sha256 is None:
        raise FactoryError(
            f"{what}: no photo of the source list has this key or path; a photo that is no longer "
            "listed is known by its key"
        )
    gone = withdrawn_contents(entries)
    if found.sha256 not in gone:
        raise FactoryError(
            f"{found.key} is in use: `flawfactory withdraw {found.key} --reason ...` comes first"
        )
    used = {e.name for e in entries if e.withdrawn is None and e.sha256 not in gone}
    own = [e for e in entries if e.sha256 == found.sha256 and e.path and e.name not in used]
    files = {places.path(e.folder, e.path) for e in own}
    return Photo(
        found.key,
        found.sha256,
        tuple(sorted({e.name for e in own})),
        tuple(sorted(file for file in files if file)),
        tuple(sorted({e.path for e in own if e.folder is not None})),
    )
