"""Whose photo is it: licence and origin from a sidecar or a folder's ledger.

Sidecar: ``<photo>.flawfactory.json`` (``cat.jpg.flawfactory.json``), an object with ``licence`` (or
``license``) and ``origin``; other keys are ignored. ``cat.jpg.json`` and ``cat.json`` are read too,
where they hold these words as text: labelling tools, cameras and cloud exports use the same names
for files of their own. A sidecar that cannot be used is reported and left out. Ledger:
``LICENCES.toml`` in the photo's folder or the nearest one above it (up to the scanned folder) that
speaks of the photo::

    [default]
    licence = "CC-BY-4.0"
    origin = "Ada Example, https://example.org"
    [files."trip/IMG 1.jpg"]        # path from the ledger's folder; what it leaves out is default's
    licence = "CC0-1.0"
"""

from __future__ import annotations

import json
import os
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.ingest.files import FileProblem, read_capped
from stages.ingest.sources import ScanError

LEDGER = "LICENCES.toml"
SIDECAR = ".flawfactory.json"
"""Follows the photo's whole name."""
MAX_SIDECAR = 1 << 16
MAX_LEDGER = 1 << 24
"""A ledger may name every photo of a large folder."""
MAX_LENGTH = 500
UNKNOWN = "unknown"


_WORDS = ("licence", "license", "origin")


@dataclass(frozen=True)
class Rights:
    """What somebody said about a photo; None where they said nothing."""

    licence: str | None = None
    origin: str | None = None

    def __bool__(self) -> bool:
        return self.licence is not None or self.origin is not None

    def over(self, other: Rights) -> Rights:
        """These words, filled up with the other's."""
        return Rights(self.licence or other.licence, self.origin or other.origin)


@dataclass(frozen=True)
class Ledger:
    """One parsed ``LICENCES.toml``; file names are POSIX paths from its folder."""

    default: Rights = Rights()
    files: dict[str, Rights] = field(default_factory=dict)


def _words(value: Any, where: str) -> str | None:
    """A licence or origin as one clean line; None when absent or blank."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        raise ScanError(f"{where} must be text of at most {MAX_LENGTH} characters")
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return text or None


def _rights(table: Any, where: str) -> Rights:
    if not isinstance(table, dict):
        raise ScanError(f"{where} must be a table with 'licence' and 'origin'")
    licence = table.get("licence", table.get("license"))
    return Rights(
        _words(licence, f"{where}: licence"), _words(table.get("origin"), f"{where}: origin")
    )


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises when the name is too long


def _same_spelling(name: str) -> str:
    """Accents composed: file systems and editors spell them in either way."""
    return unicodedata.normalize("NFC", name)


def _text(path: Path, max_bytes: int) -> str:
    try:
        return read_capped(path, max_bytes).decode("utf-8-sig")  # editors write the mark unasked
    except FileProblem as problem:
        raise ScanError(f"{path} {problem.message}") from problem
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScanError(f"{path}, line {line}: is not UTF-8; save it as UTF-8") from error


def parse_sidecar(text: str, where: str) -> Any:
    """What a sidecar's JSON text holds; `where` names it in errors.

    Raises:
        ScanError: not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ScanError(f"{where}, line {line}: is not JSON; mend or remove it") from error


def speaks_of_rights(content: Any) -> bool:
    """Whether a JSON file of a common name is a sidecar of ours: its words on rights are text."""
    if not isinstance(content, dict):
        return False
    said = [content[word] for word in _WORDS if content.get(word) is not None]
    return bool(said) and all(isinstance(value, str) for value in said)


def parse_ledger(text: str, where: str) -> Ledger:
    """A ledger from its TOML text; `where` names it in errors.

    Raises:
        ScanError: not TOML, unknown keys, or a value that is not text.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScanError(f"{where} is not TOML: {error}; mend it") from error
    if extra := set(content) - {"default", "files"}:
        raise ScanError(f"{where}: unknown table '{min(extra)}'; there are [default] and [files]")
    files = content.get("files", {})
    if not isinstance(files, dict):
        raise ScanError(f"{where}: [files] must hold a table for each file name")
    named = {"default": content.get("default", {}), **{f'files."{n}"': t for n, t in files.items()}}
    for name, table in named.items():
        extra = set(table) - {"licence", "license", "origin"} if isinstance(table, dict) else None
        if extra:
            raise ScanError(f"{where}: [{name}] has unknown key '{min(extra)}'")
    return Ledger(
        default=_rights(named["default"], f"{where}: [default]"),
        files={
            _same_spelling(name): _rights(table, f'{where}: [files."{name}"]')
            for name, table in files.items()
        },
    )


class Licences:
    """Answers for the photos below one scanned folder; each ledger is read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.foreign: set[Path] = set()
        """JSON files beside photos, of a name that sidecars may have, that are somebody else's."""
        self.skipped: dict[Path, str] = {}
        """Sidecars that cannot be used, and why."""
        self._ledgers: dict[Path, Ledger] = {}

    def _ledger(self, folder: Path) -> Ledger:
        if folder not in self._ledgers:
            path = folder / LEDGER
            ledger = parse_ledger(_text(path, MAX_LEDGER), str(path)) if _exists(path) else Ledger()
            self._ledgers[folder] = ledger
        return self._ledgers[folder]

    def _sidecar(self, photo: Path) -> Rights:
        """The first usable sidecar's words."""
        for suffix in (SIDECAR, ".json"):
            path = photo.with_name(photo.name + suffix)
            if rights := self._read(path, own=suffix == SIDECAR):
                return rights
        return self._read(photo.with_suffix(".json"), own=False)

    def _read(self, path: Path, *, own: bool) -> Rights:
        if not _exists(path):
            return Rights()
        try:
            # Annotations with the picture inside are larger than any sidecar.
            if not own and path.is_file() and path.stat().st_size > MAX_SIDECAR:
                self.foreign.add(path)
                return Rights()
            content = parse_sidecar(_text(path, MAX_SIDECAR), str(path))
            if own or speaks_of_rights(content):
                return _rights(content, str(path))
            self.foreign.add(path)
        except ScanError as error:
            self.skipped[path] = str(error)
        return Rights()

    def of(self, photo: Path) -> tuple[str, str]:
        """Licence and origin of a photo below the root; ``unknown`` where nobody said.

        Raises:
            ScanError: a ledger is malformed; the message names file and line.
        """
        said = self._sidecar(photo)
        for folder in photo.parents:
            ledger = self._ledger(folder)
            named = ledger.files.get(_same_spelling(photo.relative_to(folder).as_posix()), Rights())
            found = named.over(ledger.default)
            if found:
                said = said.over(found)
                break
            if folder == self.root:
                break
        return said.licence or UNKNOWN, said.origin or UNKNOWN
