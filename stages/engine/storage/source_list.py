"""The source list: the photos, and their names, licences, origins, creators, titles and batches.

The list is a folder with two halves, each a folder of numbered parts. Line n of ``photos/`` and
line n of ``words/`` describe the same file:

- ``photos/`` holds the digest of its bytes and whether it is in use; all stages depend on it.
- ``words/`` holds name, licence, origin, creator, title and batch, which change no pixel; only the
  stage that publishes them depends on it. Creator and title are left out where they are not given.

DVC tracks the folder as a whole (``data/sources.dvc``). A list that grows by a line rewrites only
its last parts. The list does not say where the folders of photos are on this machine (see
`stages.ingest.places`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError

PHOTOS, WORDS = "photos", "words"
PART_LINES = 10_000
REPLACED = "replaced"
"""Value of `Source.withdrawn` for a file that has new bytes; a later line holds the new bytes."""
KEY_LENGTH = 16
RESTORE = (
    "restore it with `dvc checkout --force data/sources.dvc`, or from a remote with "
    "`dvc pull --force data/sources.dvc`"
)


class SourceListError(FactoryError):
    """The list is damaged. The message is one line with the remedy."""


_STRICT = ConfigDict(extra="forbid")


@dataclass(config=_STRICT, frozen=True, slots=True)
class Problem:
    """Why a listed file could not be hashed."""

    code: str
    """snake_case: ``unreadable``, ``not_a_file``, ``missing``, ``too_large``, ``empty``,
    ``name_not_utf8``, ``unreadable_folder``."""
    message: str
    """The message, without the file's name."""


@dataclass(config=_STRICT, frozen=True, slots=True, kw_only=True)
class Source:
    """One file that the scan found."""

    folder: str | None = None
    """Name of the scanned folder; None if it is inside the project."""
    path: str
    """POSIX path, relative to that folder or to the project. With problem ``name_not_utf8``: a
    readable substitute for the name, which cannot be opened. Empty: purged."""
    bytes: int
    """Size; 0 if unknown."""
    sha256: str | None
    """Digest of the file's bytes; None if they could not be read."""
    licence: str
    """SPDX identifier, or the text given in a sidecar file or LICENCES.toml; ``unknown`` if there
    is none."""
    origin: str
    """Where the photo comes from; ``unknown`` if that was not given."""
    creator: str = "unknown"
    """Who made the photo; ``unknown`` if that was not given."""
    title: str = ""
    """The photo's title; empty if none was given."""
    batch: str
    """Name of the delivery: the scanned folder's name, or the one given to the scan."""
    withdrawn: str | None = None
    """Reason of the withdrawal, or ``replaced``; None while in use."""
    problem: Problem | None = None

    @property
    def name(self) -> str:
        """Name of the file in messages, the same on every machine."""
        return self.path if self.folder is None else f"{self.folder}/{self.path}"

    @property
    def file_name(self) -> str:
        """Name of the file without its folders, which may be private."""
        return PurePosixPath(self.path).name

    @property
    def key(self) -> str:
        """16 hex digits, derived from the content, or from the name if the content is unknown."""
        digest = self.sha256 or hashlib.sha256(self.name.encode()).hexdigest()
        return digest[:KEY_LENGTH]


_SOURCE = TypeAdapter(Source)
_PHOTO_FIELDS = {"bytes", "sha256", "withdrawn", "problem"}
_REPEATED = ("folder", "licence", "creator", "batch", "withdrawn")
"""Fields of which many lines have the same value, which is kept in memory once."""
_NOT_GIVEN = {("creator", "unknown"), ("title", "")}
"""Left out of the list, so that lists of before these fields keep their bytes."""


def _photo_line(entry: Source) -> str:
    known = _SOURCE.dump_python(entry, include=_PHOTO_FIELDS, exclude_none=True)
    return _json(known if entry.sha256 else {"key": entry.key, **known})


def _words_line(entry: Source) -> str:
    words = _SOURCE.dump_python(entry, exclude=_PHOTO_FIELDS, exclude_none=True)
    given = {n: v for n, v in words.items() if (n, v) not in _NOT_GIVEN}
    return _json({"key": entry.key, **given})


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def exists(folder: Path) -> bool:
    """Whether there is a list at `folder`."""
    return folder.exists()


def parts(folder: Path) -> list[Path]:
    """Return the files of one half of the list, in order."""
    return sorted(folder.glob("*.jsonl"))


def _lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every line as (description of its place, bytes).

    Lines end at \\n only: a file name may contain U+2028, at which `str.splitlines` would split.
    """
    for part in parts(folder):
        for number, line in enumerate(part.read_bytes().split(b"\n"), start=1):
            if line:
                yield f"{part}, line {number}", line


def read_list(folder: Path) -> list[Source]:
    """Read the entries of a source list, in order; empty if there is no list yet.

    Raises:
        SourceListError: a line is not an entry, or the two halves do not match.
    """
    if not exists(folder):
        return []
    if not ((folder / PHOTOS).is_dir() and (folder / WORDS).is_dir()):
        raise SourceListError(f"{folder}: photos/ or words/ is missing; {RESTORE}")
    halves = zip_longest(_lines(folder / PHOTOS), _lines(folder / WORDS))
    return [_entry(folder, photo, words) for photo, words in halves]


_Line = tuple[str, bytes]


def _entry(folder: Path, photo: _Line | None, words: _Line | None) -> Source:
    if photo is None or words is None:
        raise SourceListError(f"{folder}: photos/ and words/ differ in length; {RESTORE}")
    described = _object(*words)
    key = described.pop("key", None)
    known = _object(*photo)
    known.setdefault("sha256", None)
    known.pop("key", None)
    for values in (described, known):
        for name in _REPEATED:
            if isinstance(value := values.get(name), str):
                values[name] = sys.intern(value)
    try:
        entry = _SOURCE.validate_python({**described, **known})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        place = photo[0] if where.split(".")[0] in _PHOTO_FIELDS else words[0]
        raise SourceListError(f"{place}: {where} {first['msg']}; {RESTORE}") from error
    if entry.key != key:
        raise SourceListError(f"{words[0]}: is about another photo than {photo[0]}; {RESTORE}")
    return entry


def _object(place: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceListError(f"{place}: is not JSON; {RESTORE}") from error
    if not isinstance(found, dict):
        raise SourceListError(f"{place}: is not a JSON object; {RESTORE}")
    return found


def write_list(folder: Path, entries: Sequence[Source]) -> bool:
    """Write the list and return whether it changed; unchanged parts are not written."""
    changed = _write_half(folder / WORDS, map(_words_line, entries))
    return _write_half(folder / PHOTOS, map(_photo_line, entries)) or changed


def _write_half(folder: Path, lines: Iterable[str]) -> bool:
    filled: list[list[str]] = [[]]
    for line in lines:
        if len(filled[-1]) == PART_LINES:
            filled.append([])
        filled[-1].append(line)
    wanted = {folder / f"{number:05d}.jsonl": part for number, part in enumerate(filled)}
    changed = False
    for path, part in wanted.items():
        data = "".join(part).encode()
        if not path.is_file() or path.read_bytes() != data:
            write_atomically(path, data)
            changed = True
    for path in set(folder.iterdir()) - wanted.keys():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        changed = True
    return changed


class Names:
    """Maps a photo's key, or a reject, to its entry in the source list."""

    def __init__(self, entries: Sequence[Source]) -> None:
        self._entries = entries
        self._by_key: dict[str, Source] = {}
        for entry in (*(e for e in entries if e.withdrawn is None), *entries):
            self._by_key.setdefault(entry.key, entry)

    @classmethod
    def of_list(cls, folder: Path) -> Names:
        """Read the list at `folder`; without a list no name is known."""
        return cls(read_list(folder))

    @property
    def by_key(self) -> dict[str, str]:
        """Photo key to file name, for every file that has a name."""
        return {key: entry.name for key, entry in self._by_key.items() if entry.path}

    def entry(self, key: str, line: int | None = None) -> Source | None:
        """Return the entry of a photo key.

        Args:
            key: a photo's key, or that of a reject (``<key>#<n>``).
            line: the line of the list, if the reject's evidence has it. Without it the first entry
                with the key that is in use is returned, or the first of all.
        """
        if line is not None and line < len(self._entries):
            return self._entries[line]
        return self._by_key.get(key.split("#")[0])

    def name(self, key: str, line: int | None = None) -> str:
        """Return the file's name, or the key if the file has no known name; see `entry`."""
        entry = self.entry(key, line)
        return entry.name if entry and entry.path else key
