"""Whose photo is it: licence and origin from a sidecar or a folder's ledger.

Sidecar: ``<photo>.json`` (``cat.jpg.json``) or ``<stem>.json`` (``cat.json``), an object with
``licence`` (or ``license``) and ``origin``; other keys are ignored, since cameras and cloud exports
write sidecars of their own. Ledger: ``LICENCES.toml`` in the photo's folder or the nearest one
above it (up to the scanned folder) that speaks of the photo::

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
MAX_SIDECAR = 1 << 16
MAX_LEDGER = 1 << 24
"""A ledger may name every photo of a large folder."""
MAX_LENGTH = 500
UNKNOWN = "unknown"


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
        return read_capped(path, max_bytes).decode()
    except FileProblem as problem:
        raise ScanError(f"{path} {problem.message}") from problem
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScanError(f"{path}, line {line}: is not UTF-8; save it as UTF-8") from error


def parse_sidecar(text: str, where: str) -> Rights:
    """Rights from a sidecar's JSON text; `where` names it in errors.

    Raises:
        ScanError: not JSON, not an object, or a value that is not text.
    """
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ScanError(f"{where}, line {line}: is not JSON; mend or remove it") from error
    return _rights(content, where)


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
        self._ledgers: dict[Path, Ledger] = {}

    def _ledger(self, folder: Path) -> Ledger:
        if folder not in self._ledgers:
            path = folder / LEDGER
            ledger = parse_ledger(_text(path, MAX_LEDGER), str(path)) if _exists(path) else Ledger()
            self._ledgers[folder] = ledger
        return self._ledgers[folder]

    def of(self, photo: Path) -> tuple[str, str]:
        """Licence and origin of a photo below the root; ``unknown`` where nobody said.

        Raises:
            ScanError: a sidecar or ledger is malformed; the message names file and line.
        """
        said = Rights()
        for sidecar in (photo.with_name(photo.name + ".json"), photo.with_suffix(".json")):
            if not said and _exists(sidecar):
                said = parse_sidecar(_text(sidecar, MAX_SIDECAR), str(sidecar))
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
