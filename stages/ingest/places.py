"""Store where the folders of the source list lie on this machine.

The list contains the names of scanned folders. Their places differ between machines and are not
stored in the list, in git or in DVC. A folder inside the project needs no place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.engine.files import pretty_json, write_atomically
from stages.engine.storage.source_list import Source
from stages.engine.workspace import FactoryError, Workspace

_SAMPLE = 500
"""Maximum number of files that are checked to recognise a listed folder."""
_MIN_SHARE = 0.5
"""Minimum share of them that must be there with the listed size."""


@dataclass(frozen=True)
class Root:
    """A folder that is or was scanned."""

    folder: str | None
    """The folder's name in the list; None inside the project."""
    base: Path
    """The folder that listed paths are relative to."""

    def listed_path(self, path: Path) -> str:
        """Return the path of a file below the root as written in the list."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows the last link
        return absolute.relative_to(self.base).as_posix()


class Places:
    """The names of scanned folders and their places on this machine."""

    def __init__(self, workspace: Workspace) -> None:
        """Read the places of this machine.

        Raises:
            FactoryError: the file is damaged.
        """
        self._workspace = workspace
        self._known: dict[str, str] = {}
        if workspace.places.exists():
            try:
                self._known = dict(json.loads(workspace.places.read_bytes()))
            except (ValueError, TypeError) as error:
                raise FactoryError(
                    f"{workspace.places} is damaged: remove it, then run "
                    "`flawfactory locate FOLDER` for each folder of photos"
                ) from error

    def of(self, folder: str) -> Path | None:
        """Return the place of a listed folder; None when it is unknown or no longer exists."""
        place = Path(self._known[folder]) if folder in self._known else None
        return place if place and place.is_dir() else None

    def path(self, folder: str | None, path: str) -> Path | None:
        """Return the path of a listed file, whether or not it exists; None without its folder.

        A DVC experiment in a temporary folder finds files that git does not track in its own
        checkout.
        """
        if folder is not None:
            place = self.of(folder)
            return place / path if place else None
        here, home = self._workspace.root / path, self._workspace.home / path
        return home if home.exists() and not here.exists() else here

    def put(self, root: Root) -> None:
        """Set the place of a listed folder; `save` stores it."""
        if root.folder is not None:
            self._known[root.folder] = str(root.base)

    def save(self) -> None:
        """Store the places."""
        if self._known:
            write_atomically(self._workspace.places, pretty_json(self._known))

    def root_of(self, given: Path, entries: Sequence[Source]) -> Root:
        """Return the root that `given`, a real path, is or lies in.

        That is the project, a folder with a place on this machine, a listed folder without a place
        whose files these are, or a new root.
        """
        if root := self._root_around(given):
            return root
        listed = dict.fromkeys(entry.folder for entry in entries if entry.folder is not None)
        missing = [name for name in listed if self.of(name) is None]
        name = recognise(given, entries, missing) or _new_name(given, {*listed, *self._known})
        return Root(name, given)

    def root_for(self, file: Path, root: Root) -> Root:
        """Return the root of a file below `root`, which may contain another scanned folder."""
        nearest = self._root_around(file)
        return nearest if nearest and nearest.base.is_relative_to(root.base) else root

    def _root_around(self, path: Path) -> Root | None:
        """Return the nearest existing root that contains `path`."""
        known = [Root(name, place) for name in self._known if (place := self.of(name))]
        known.append(Root(None, self._workspace.root.resolve()))
        around = [root for root in known if path.is_relative_to(root.base)]
        return max(around, key=lambda root: len(root.base.parts), default=None)


def _new_name(folder: Path, taken: Iterable[str]) -> str:
    """Return the folder's name as text, with a number when the list has another of that name."""
    plain = os.fsencode(folder.name).decode(errors="backslashreplace") or "photos"
    taken, name, number = set(taken), plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def share_present(place: Path, entries: Sequence[Source], folder: str) -> float:
    """Return the share of a folder's listed files that are below `place` with their listed size."""
    files = [e for e in entries if e.folder == folder and e.sha256 and e.withdrawn is None]
    sample = files[:: max(1, len(files) // _SAMPLE)]
    present = sum(_size(place / entry.path) == entry.bytes for entry in sample)
    return present / len(sample) if sample else 0.0


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def recognise(place: Path, entries: Sequence[Source], folders: Iterable[str]) -> str | None:
    """Return which of the listed `folders` lies at `place`, by its files, or None."""
    found = {name: share_present(place, entries, name) for name in folders}
    best = max(found, key=lambda name: found[name], default=None)
    return best if best is not None and found[best] >= _MIN_SHARE else None
