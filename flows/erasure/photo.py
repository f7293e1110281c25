"""Whose traces are looked for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.sources import KEY_LENGTH, Source, listed_path, read_list, withdrawn_contents


@dataclass(frozen=True)
class Photo:
    """A withdrawn photo."""

    key: str
    sha256: str | None
    """None when only the key is known: the list has no such entry."""
    paths: tuple[str, ...]
    """As listed, no photo in use among them."""
    files: tuple[Path, ...]
    """The same, on this machine."""

    @property
    def names(self) -> tuple[bytes, ...]:
        """The paths as files and databases may spell them, JSON's escapes included."""
        texts = {*self.paths, *map(str, self.files)}
        return tuple(sorted({s.encode() for t in texts for s in (t, json.dumps(t)[1:-1])}))


def find_photo(workspace: Workspace, what: str) -> Photo:
    """The photo of that key, sha256 or listed path.

    Raises:
        FactoryError: it is in use, or nobody knows it.
    """
    entries = read_list(workspace.sources)
    is_digest = re.fullmatch(rf"[0-9a-f]{{{KEY_LENGTH},64}}", what)
    path = listed_path(Path(what), workspace.root.resolve())
    found = next((e for e in entries if _is(e, what, path, bool(is_digest))), None)
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
    used = {e.path for e in entries if e.withdrawn is None and e.sha256 not in gone}
    paths = {e.path for e in entries if e.sha256 == found.sha256 and e.path} - used
    ordered = tuple(sorted(paths))
    return Photo(found.key, found.sha256, ordered, tuple(workspace.root / path for path in ordered))


def _is(entry: Source, what: str, path: str, is_digest: bool) -> bool:
    if is_digest:
        return (entry.sha256 or "").startswith(what)
    return entry.path in (what, path)
