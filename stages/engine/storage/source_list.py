"""The source list: which photos there are, and what is said of them.

Two folders of numbered parts lie below it. Line n of ``photos/`` and line n of ``words/`` speak of
one file: ``photos/`` says what its bytes are and whether they are in use, and all stages hang on
it; ``words/`` says its name, licence, origin and batch, which change no pixel, and only what
publishes them hangs on it. DVC tracks the folder as one (``data/sources.dvc``): a list that grows
by a line rewrites its last parts alone. Where the folders of photos lie on this machine is in
neither (`stages.ingest.places`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError

PHOTOS, WORDS = "photos", "words"
PART_LINES = 10_000
REPLACED = "replaced"
"""The withdrawal mark of an entry whose file has other bytes now; the new bytes follow later."""
KEY_LENGTH = 16
RESTORE = "restore it with `dvc checkout data/sources.dvc`, or scan again with `--replace`"


class SourceListError(FactoryError):
    """The list is damaged; the message is one line and says what to do."""


class Problem(BaseModel):
    """Why a listed file could not even be hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    """snake_case: ``unreadable``, ``not_a_file``, ``missing``, ``too_large``, ``empty``,
    ``name_not_utf8``, ``unreadable_folder``."""
    message: str
    """What is wrong with the file, without its name."""


class Source(BaseModel):
    """One file the scan came across."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    folder: str | None = None
    """Name of the scanned folder; None when it lies inside the project."""
    path: str
    """POSIX path, relative to that folder or the project. With problem ``name_not_utf8``: a
    readable stand-in for the name, which opens nothing. Empty: purged."""
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
    def name(self) -> str:
        """The file as people are told of it, the same on every machine."""
        return self.path if self.folder is None else f"{self.folder}/{self.path}"

    @property
    def file_name(self) -> str:
        """Without its folders, which are the owner's affair."""
        return PurePosixPath(self.path).name

    @property
    def key(self) -> str:
        """16 hex digits from the content, or from the name where the content is unknown."""
        digest = self.sha256 or hashlib.sha256(self.name.encode()).hexdigest()
        return digest[:KEY_LENGTH]


_PHOTO_FIELDS = {"bytes", "sha256", "withdrawn", "problem"}


def _photo_line(entry: Source) -> str:
    known = entry.model_dump(include=_PHOTO_FIELDS, exclude_none=True)
    return _json(known if entry.sha256 else {"key": entry.key, **known})


def _words_line(entry: Source) -> str:
    words = entry.model_dump(exclude=_PHOTO_FIELDS, exclude_none=True)
    return _json({"key": entry.key, **words})


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def exists(folder: Path) -> bool:
    """Whether there is a list."""
    return folder.exists()


def parts(folder: Path) -> list[Path]:
    """The files of one half of the list, in order."""
    return sorted(folder.glob("*.jsonl"))


def _lines(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every line with the words that name it. Bytes are split at \\n only: a file name may hold
    U+2028, which str.splitlines would break at."""
    for part in parts(folder):
        for number, line in enumerate(part.read_bytes().split(b"\n"), start=1):
            if line:
                yield f"{part}, line {number}", line


def read_list(folder: Path) -> list[Source]:
    """The entries of a source list, in order; none when there is no list yet.

    Raises:
        SourceListError: a line is not an entry, or the two halves do not fit each other.
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
    said = _object(*words)
    key = said.pop("key", None)
    known = _object(*photo)
    known.setdefault("sha256", None)
    known.pop("key", None)
    try:
        entry = Source.model_validate({**said, **known})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        place = photo[0] if where.split(".")[0] in _PHOTO_FIELDS else words[0]
        raise SourceListError(f"{place}: {where} {first['msg']}; {RESTORE}") from error
    if entry.key != key:
        raise SourceListError(f"{words[0]}: speaks of another photo than {photo[0]}; {RESTORE}")
    return entry


def _object(place: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise SourceListError(f"{place}: is not JSON; {RESTORE}") from error
    if not isinstance(found, dict):
        raise SourceListError(f"{place}: is not a JSON object; {RESTORE}")
    return found


def write_list(folder: Path, entries: Sequence[Source]) -> bool:
    """Write the list; True when it changed. A part whose bytes stay is left alone."""
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
    """Which file a photo's key, or a reject, speaks of."""

    def __init__(self, entries: Sequence[Source]) -> None:
        self._entries = entries
        self._by_key: dict[str, Source] = {}
        for entry in (*(e for e in entries if e.withdrawn is None), *entries):
            self._by_key.setdefault(entry.key, entry)

    @classmethod
    def of_list(cls, folder: Path) -> Names:
        """Of the list at `folder`; knows nothing where there is none."""
        return cls(read_list(folder))

    @property
    def by_key(self) -> dict[str, str]:
        """Key to name of every file that has one."""
        return {key: entry.name for key, entry in self._by_key.items() if entry.path}

    def entry(self, key: str, line: int | None = None) -> Source | None:
        """The entry at a line of the list (a reject's evidence has it), else the one in use under
        a photo's key."""
        if line is not None and line < len(self._entries):
            return self._entries[line]
        return self._by_key.get(key.split("#")[0])

    def name(self, key: str, line: int | None = None) -> str:
        """The file's name, or the key where nothing is known of it."""
        entry = self.entry(key, line)
        return entry.name if entry and entry.path else key
