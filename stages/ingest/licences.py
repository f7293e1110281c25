"""Read licence, origin, creator and title of photos from a sidecar or a folder's ledger.

Sidecar: ``<photo>.flawfactory.json`` (``cat.jpg.flawfactory.json``), an object with ``licence`` (or
``license``), ``origin``, ``creator`` (or ``author``) and ``title``; other keys are ignored.
``cat.jpg.json`` and ``cat.json`` are read too if they have ``licence`` or ``origin`` and both are
text: labelling tools, cameras and cloud exports use the same names for their own
files. A sidecar that cannot be used is reported and skipped. Ledger:
``LICENCES.toml`` in the photo's folder or the nearest one above it (up to the scanned folder) that
applies to the photo::

    [default]
    licence = "CC-BY-4.0"
    origin = "https://example.org/album"
    creator = "Ada Example"
    [files."trip/IMG 1.jpg"]        # path from the ledger's folder; missing keys come from default
    licence = "CC0-1.0"
    title = "Harbour at night"
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stages.ingest.files import FileProblem, read_capped
from stages.ingest.sources import ScanError

LEDGER = "LICENCES.toml"
SIDECAR = ".flawfactory.json"
"""Suffix after the photo's full file name."""
MAX_SIDECAR = 1 << 16
MAX_LEDGER = 1 << 24
"""Maximum bytes; a ledger may list every photo of a large folder."""
MAX_LENGTH = 500
MAX_DOTS = 50
"""Maximum number of dots in a line of a ledger, outside of strings and comments."""
_STRING = re.compile(r"""\"(?:[^"\\\n]|\\.)*\"|'[^'\n]*'""")
UNKNOWN = "unknown"
_KEYS: dict[str, tuple[str, ...]] = {
    "licence": ("licence", "license"),
    "origin": ("origin",),
    "creator": ("creator", "author"),
    "title": ("title",),
}
"""Field of `Rights` to the keys that give it, the first one first."""
_SPELLINGS = frozenset(key for keys in _KEYS.values() for key in keys)
_TELLING = (*_KEYS["licence"], *_KEYS["origin"])
"""Keys by which a JSON file of a common name is recognised as ours."""


@dataclass(frozen=True)
class Rights:
    """Licence, origin, creator and title of a photo; None where they are not given."""

    licence: str | None = None
    origin: str | None = None
    creator: str | None = None
    title: str | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in asdict(self).values())

    def or_else(self, other: Rights) -> Rights:
        """Return these rights, with missing values taken from `other`."""
        return Rights(**{n: v or getattr(other, n) for n, v in asdict(self).items()})


@dataclass(frozen=True)
class PhotoRights:
    """What is said about a photo, with the words for what is not."""

    licence: str = UNKNOWN
    origin: str = UNKNOWN
    creator: str = UNKNOWN
    title: str = ""


@dataclass(frozen=True)
class Ledger:
    """One parsed ``LICENCES.toml``; file names are POSIX paths from its folder."""

    default: Rights = Rights()
    files: dict[str, Rights] = field(default_factory=dict)


def sidecar_names(name: str) -> tuple[str, str, str]:
    """Return the names that a photo's sidecar may have, in the order in which they are read.

    Args:
        name: the photo's file name.
    """
    return name + SIDECAR, f"{name}.json", PurePosixPath(name).with_suffix(".json").name


def _clean_text(value: Any, where: str) -> str | None:
    """Return a value as one clean line; None when absent or blank."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_LENGTH:
        raise ScanError(f"{where} must be text of at most {MAX_LENGTH} characters")
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return text or None


def parse_rights(table: Any, where: str) -> Rights:
    """Read the rights from a table with the keys of a sidecar; `where` names it in errors.

    Raises:
        ScanError: it is no table, or a value is not text or too long.
    """
    if not isinstance(table, dict):
        raise ScanError(f"{where} must be a table with 'licence' and 'origin'")
    found = {}
    for name, keys in _KEYS.items():
        given = next((table[key] for key in keys if key in table), None)
        found[name] = _clean_text(given, f"{where}: {name}")
    return Rights(**found)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises when the name is too long


def _normalize(name: str) -> str:
    """Compose accents: file systems and editors encode them in either way."""
    return unicodedata.normalize("NFC", name)


def _read_text(path: Path, max_bytes: int, where: str) -> str:
    try:
        return read_capped(path, max_bytes).decode("utf-8-sig")  # some editors write a BOM
    except FileProblem as problem:
        raise ScanError(f"{where} {problem.message}") from problem
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ScanError(f"{where}, line {line}: not UTF-8; save it as UTF-8") from error


def parse_sidecar(text: str, where: str) -> Any:
    """Parse a sidecar's JSON text; `where` names it in errors.

    Raises:
        ScanError: the text is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ScanError(f"{where}, line {line}: not JSON; fix or remove it") from error


def has_rights(content: Any) -> bool:
    """Return whether a JSON file of a common name is our sidecar: its rights are text values."""
    if not isinstance(content, dict):
        return False
    values = [content[key] for key in _TELLING if content.get(key) is not None]
    return bool(values) and all(isinstance(value, str) for value in values)


def _drop_other_types(content: dict[str, Any]) -> dict[str, Any]:
    """Drop a creator and a title that are not text, as other programs write them."""
    return {k: v for k, v in content.items() if k in _TELLING or isinstance(v, str)}


def _check_keys(text: str, where: str) -> None:
    """Refuse keys of very many parts (``a.a.a``), for which tomllib needs quadratic time.

    Raises:
        ScanError: names the line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        # Strings of three quotes may hold single ones, so the others cannot be told apart.
        plain = line if "'''" in line or '"""' in line else _STRING.sub("", line).partition("#")[0]
        if plain.count(".") > MAX_DOTS:
            raise ScanError(
                f"{where}, line {number}: has more than {MAX_DOTS} dots outside of quotes; put "
                "file names and texts in quotes"
            )


def parse_ledger(text: str, where: str) -> Ledger:
    """Parse a ledger's TOML text; `where` names it in errors.

    Raises:
        ScanError: the text is not TOML, has unknown keys, or a value that is not text.
    """
    _check_keys(text, where)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: long numbers
        raise ScanError(f"{where} is not TOML: {error}; fix it") from error
    if extra := set(content) - {"default", "files"}:
        raise ScanError(f"{where}: unknown table '{min(extra)}'; use [default] and [files]")
    files = content.get("files", {})
    if not isinstance(files, dict):
        raise ScanError(f"{where}: [files] must have a table for each file name")
    named = {"default": content.get("default", {}), **{f'files."{n}"': t for n, t in files.items()}}
    for name, table in named.items():
        extra = set(table) - _SPELLINGS if isinstance(table, dict) else None
        if extra:
            raise ScanError(f"{where}: [{name}] has unknown key '{min(extra)}'")
    return Ledger(
        default=parse_rights(named["default"], f"{where}: [default]"),
        files={
            _normalize(name): parse_rights(table, f'{where}: [files."{name}"]')
            for name, table in files.items()
        },
    )


class Licences:
    """Licences of the photos below one scanned folder; each ledger is read once."""

    def __init__(self, root: Path, show: Callable[[Path], str] = str) -> None:
        """Read below `root`; messages name a file as `show` returns it, such as its URL."""
        self.root, self._show = root, show
        self.foreign: set[Path] = set()
        """JSON files of other programs beside photos, with names that sidecars may have."""
        self.skipped: dict[Path, str] = {}
        """Sidecars that cannot be used, and the reasons."""
        self._ledgers: dict[Path, Ledger] = {}

    def _ledger(self, folder: Path) -> Ledger:
        if folder not in self._ledgers:
            path = folder / LEDGER
            exists = _exists(path)
            self._ledgers[folder] = self._read_ledger(path) if exists else Ledger()
        return self._ledgers[folder]

    def _read_ledger(self, path: Path) -> Ledger:
        where = self._show(path)
        return parse_ledger(_read_text(path, MAX_LEDGER, where), where)

    def _sidecar(self, photo: Path) -> Rights:
        """Return the rights of the first usable sidecar."""
        for name in sidecar_names(photo.name):
            if rights := self._read(photo.with_name(name), own=name.endswith(SIDECAR)):
                return rights
        return Rights()

    def _read(self, path: Path, *, own: bool) -> Rights:
        if not _exists(path):
            return Rights()
        try:
            # Annotations that embed the picture are larger than any sidecar.
            if not own and path.is_file() and path.stat().st_size > MAX_SIDECAR:
                self.foreign.add(path)
                return Rights()
            where = self._show(path)
            content = parse_sidecar(_read_text(path, MAX_SIDECAR, where), where)
            if own:
                return parse_rights(content, where)
            if has_rights(content):
                return parse_rights(_drop_other_types(content), where)
            self.foreign.add(path)
        except ScanError as error:
            self.skipped[path] = str(error)
        return Rights()

    def of(self, photo: Path) -> PhotoRights:
        """Return what is said about a photo below the root.

        Raises:
            ScanError: a ledger is malformed; the message names file and line.
        """
        rights = self._sidecar(photo)
        for folder in photo.parents:
            ledger = self._ledger(folder)
            named = ledger.files.get(_normalize(photo.relative_to(folder).as_posix()), Rights())
            found = named.or_else(ledger.default)
            if found:
                rights = rights.or_else(found)
                break
            if folder == self.root:
                break
        return PhotoRights(**{name: value for name, value in asdict(rights).items() if value})
