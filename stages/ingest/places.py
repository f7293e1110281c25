"""Where the folders of the source list lie on this machine.

The list names a scanned folder; where it lies is each machine's own affair and stays out of the
list, out of git and out of DVC. A folder inside the project needs no place.
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
"""Files looked for to tell whether a folder is one that the list knows."""
_FITS = 0.5
"""Least share of them that must be there with the listed size."""


@dataclass(frozen=True)
class Root:
    """A folder to be scanned, or that was."""

    folder: str | None
    """Its name in the list; None inside the project."""
    base: Path
    """What listed paths are relative to."""

    def listed(self, path: Path) -> str:
        """The path of a file below the root as the list writes it."""
        absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows the last link
        return absolute.relative_to(self.base).as_posix()


class Places:
    """Name of a scanned folder to where it lies here."""

    def __init__(self, workspace: Workspace) -> None:
        """Take up what this machine was told.

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
                    f"{workspace.places} is damaged: remove it, then tell where each folder of "
                    "photos lies with `flawfactory locate FOLDER`"
                ) from error

    def of(self, folder: str) -> Path | None:
        """Where a folder of the list lies; None when this machine was not told, or it is gone."""
        place = Path(self._known[folder]) if folder in self._known else None
        return place if place and place.is_dir() else None

    def path(self, folder: str | None, path: str) -> Path | None:
        """A listed file on this machine, whether or not it is there; None when its folder is not.

        A DVC experiment in a temporary folder finds what git does not hold in its own checkout.
        """
        if folder is not None:
            place = self.of(folder)
            return place / path if place else None
        here, home = self._workspace.root / path, self._workspace.home / path
        return home if home.exists() and not here.exists() else here

    def put(self, root: Root) -> None:
        """Take note of where a folder of the list lies; `save` remembers it."""
        if root.folder is not None:
            self._known[root.folder] = str(root.base)

    def save(self) -> None:
        """Remember the places on this machine."""
        if self._known:
            write_atomically(self._workspace.places, pretty_json(self._known))

    def root_of(self, given: Path, entries: Sequence[Source]) -> Root:
        """The root that `given`, a real path, is or lies in: the project, a folder that this
        machine knows, one of the list that is not here and whose files these are, or a new one."""
        if around := self._around(given):
            return around
        listed = dict.fromkeys(entry.folder for entry in entries if entry.folder is not None)
        away = [name for name in listed if self.of(name) is None]
        name = recognise(given, entries, away) or _new_name(given, {*listed, *self._known})
        return Root(name, given)

    def root_for(self, file: Path, root: Root) -> Root:
        """The root that a file below `root` belongs to: a folder scanned before may lie in it."""
        around = self._around(file)
        return around if around and around.base.is_relative_to(root.base) else root

    def _around(self, path: Path) -> Root | None:
        """The nearest root that is here and holds `path`."""
        known = [Root(name, place) for name in self._known if (place := self.of(name))]
        known.append(Root(None, self._workspace.root.resolve()))
        around = [root for root in known if path.is_relative_to(root.base)]
        return max(around, key=lambda root: len(root.base.parts), default=None)


def _new_name(folder: Path, taken: Iterable[str]) -> str:
    """The folder's own name as text, with a number when the list has another of that name."""
    plain = os.fsencode(folder.name).decode(errors="backslashreplace") or "photos"
    taken, name, number = set(taken), plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    return name


def fit(place: Path, entries: Sequence[Source], folder: str) -> float:
    """Share of the listed files of a folder that lie below `place` with their listed size."""
    files = [e for e in entries if e.folder == folder and e.sha256 and e.withdrawn is None]
    some = files[:: max(1, len(files) // _SAMPLE)]
    there = sum(_size(place / entry.path) == entry.bytes for entry in some)
    return there / len(some) if some else 0.0


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def recognise(place: Path, entries: Sequence[Source], folders: Iterable[str]) -> str | None:
    """Which of the list's `folders` lies at `place`, by its files; None when none fits."""
    found = {name: fit(place, entries, name) for name in folders}
    best = max(found, key=lambda name: found[name], default=None)
    return best if best is not None and found[best] >= _FITS else None
