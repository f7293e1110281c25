"""Find the withdrawn photo to erase."""

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
    """None if the list has no entry for the key."""
    paths: tuple[str, ...]
    """Its names in the list, without names that a photo in use has too."""
    files: tuple[Path, ...]
    """Its files, as far as their folders are on this machine."""
    listed: tuple[str, ...] = ()
    """Its paths relative to their folders, as the list stores them."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """The spellings of paths and files in files and databases, also escaped as in JSON."""
        return _spellings({*self.paths, *map(str, self.files)})

    @property
    def search_terms(self) -> tuple[bytes, ...]:
        """`names` and the spellings of `listed`, which are short: for whole files only."""
        return _spellings({*self.paths, *map(str, self.files), *self.listed})


def _spellings(texts: set[str]) -> tuple[bytes, ...]:
    return tuple(sorted({s.encode() for t in texts for s in (t, json.dumps(t)[1:-1])}))


def find_photo(workspace: Workspace, what: str) -> Photo:
    """Find the withdrawn photo by its key, sha256 or listed path.

    Raises:
        FactoryError: the photo is in use or unknown.
    """
    entries = read_list(workspace.sources)
    is_digest = re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH},64}}", what)
    places, file = Places(workspace), Path(os.path.abspath(what))  # noqa: PTH100 - keeps links

    def matches(entry: Source) -> bool:
        if is_digest:
            return (entry.sha256 or "").startswith(what)
        return bool(entry.path) and (
            entry.name == what or places.path(entry.folder, entry.path) == file
        )

    found = next(filter(matches, entries), None)
    if found is None and is_digest:
        return Photo(what[:KEY_LENGTH], None, (), ())
    if found is None or found.sha256 is None:
        raise FactoryError(
            f"{what}: no photo of the source list has this key or path; give the key of a photo "
            "that is no longer listed"
        )
    gone = withdrawn_contents(entries)
    if found.sha256 not in gone:
        raise FactoryError(
            f"{found.key} is in use: run `flawfactory withdraw {found.key} --reason ...` first"
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
