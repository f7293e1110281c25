"""Find the withdrawn photos to erase."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
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


def find_photos(workspace: Workspace, what: str) -> list[Photo]:
    """Find a withdrawn photo by its key, sha256 or listed path: by a path all withdrawn photos that
    were listed under it, as a withdrawal by path marks all of them.

    Raises:
        FactoryError: the photo is in use or unknown.
    """
    entries = read_list(workspace.sources)
    digest = what.lower() if re.fullmatch(rf"[0-9a-fA-F]{{{KEY_LENGTH},64}}", what) else None
    places, file = Places(workspace), Path(os.path.abspath(what))  # noqa: PTH100 - keeps links

    def matches(entry: Source) -> bool:
        if digest:
            return (entry.sha256 or "").startswith(digest)
        return bool(entry.path) and (
            entry.name == what or places.path(entry.folder, entry.path) == file
        )

    found = [entry for entry in entries if entry.sha256 and matches(entry)]
    if not found and digest:
        return [Photo(digest[:KEY_LENGTH], None, (), ())]
    if not found:
        raise FactoryError(
            f"{what}: no photo of the source list has this key or path; give the key of a photo "
            "that is no longer listed"
        )
    gone = withdrawn_contents(entries)
    contents = dict.fromkeys(e.sha256 for e in found if e.sha256 and e.sha256 in gone)
    if not contents:
        key = next((entry for entry in found if entry.withdrawn is None), found[0]).key
        raise FactoryError(f"{key} is in use: run `flawfactory withdraw {key} --reason ...` first")
    used = {e.name for e in entries if e.withdrawn is None and e.sha256 not in gone}
    named = [entry for entry in entries if entry.path and entry.name not in used]
    return [
        _describe([entry for entry in named if entry.sha256 == content], content, places)
        for content in contents
    ]


def _describe(own: Sequence[Source], content: str, places: Places) -> Photo:
    """Describe the photo with a content; `own` are the entries whose names are only its own."""
    files = {places.path(entry.folder, entry.path) for entry in own}
    return Photo(
        content[:KEY_LENGTH],
        content,
        tuple(sorted({entry.name for entry in own})),
        tuple(sorted(file for file in files if file)),
        tuple(sorted({entry.path for entry in own if entry.folder is not None})),
    )
