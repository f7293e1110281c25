"""Read a list of URLs: one a line (``.txt``), or a table with a header (``.csv``, ``.tsv``).

The table needs a column ``url``. ``licence`` (or ``license``), ``origin``, ``creator`` (or
``author``), ``title`` and ``sha256`` are read too; other columns are ignored.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from stages.ingest.files import FileProblem, read_capped
from stages.ingest.licences import Rights, parse_rights
from stages.ingest.sources import ScanError
from stages.ingest.urls.problems import FetchProblem, not_allowed

SUFFIXES = {".txt": "", ".csv": ",", ".tsv": "\t"}
"""Suffix of a list to the separator of its columns."""
MAX_LIST = 128 << 20
MAX_URLS = 1_000_000
MAX_URL = 8000
"""Maximum bytes and lines of a list, and characters of a URL."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECRET = re.compile(
    r"(?<=[?&])([^=&#?]*(?:signature|token|secret|passw|pwd|credential|api_?key|auth(?!or)|hmac"
    r"|jwt|session)[^=&#?]*|sig|key)=[^&#]*",
    re.IGNORECASE,
)
"""A query's parameter whose name says that its value is a key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list."""

    text: str
    """The URL as it stands in the list, in one printable line and without secrets."""
    url: Url | None
    """The normalised URL; None if there is a `problem`."""
    rights: Rights = field(default_factory=Rights)
    sha256: str | None = None
    """The digest that the file must have; None if the list does not say."""
    problem: FetchProblem | None = None


def is_url_list(path: Path) -> bool:
    """Return whether a source is a list of URLs and not a folder."""
    return path.suffix.lower() in SUFFIXES and not path.is_dir()


def parse_http_url(text: str) -> Url:
    """Parse and normalise an http or https URL: host in lower case, no fragment.

    Raises:
        FetchProblem: ``not_allowed``.
    """
    if len(text) > MAX_URL:
        raise not_allowed(f"is longer than {MAX_URL} characters")
    if not text.isprintable() or " " in text:
        raise not_allowed("has spaces or control characters: percent-encode them")
    try:
        url = parse_url(text)
        port = url.port
    except (LocationParseError, ValueError) as error:
        raise not_allowed("is not a URL") from error
    if url.scheme not in ("http", "https"):
        raise not_allowed("is not an http or https URL")
    host = (url.host or "").rstrip(".")
    if not host or port == 0:
        raise not_allowed("names no host")
    if url.auth:
        raise not_allowed("contains a user name or password: remove them")
    return url._replace(host=host, path=url.path or "/", fragment=None)


def hide_secrets(text: str) -> str:
    """Return a URL without the values of parameters that look like keys, such as a signature's."""
    return _SECRET.sub(r"\1=…", text)


def read_url_list(path: Path) -> list[Listed]:
    """Read a list; a line that cannot be used has a `problem`.

    Raises:
        ScanError: the file cannot be read, is too large, not UTF-8, or has no column ``url``.
    """
    try:
        data = read_capped(path, MAX_LIST)
    except FileProblem as problem:
        raise ScanError(f"{path} {problem.message}") from problem
    return parse_url_list(data, SUFFIXES.get(path.suffix.lower(), ""), str(path))


def parse_url_list(data: bytes, separator: str, where: str) -> list[Listed]:
    """Parse a list's bytes; see `read_url_list`.

    Args:
        data: the file.
        separator: of the columns; empty for one URL a line.
        where: the list's name, for messages.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScanError(f"{where}, line {line}: not UTF-8; save it as UTF-8") from error
    rows = _table_rows(text, separator, where) if separator else _text_rows(text)
    listed = [_listed(row) for row in islice(rows, MAX_URLS + 1)]
    if len(listed) > MAX_URLS:
        raise ScanError(f"{where}: has more than {MAX_URLS:,} URLs; split it")
    return listed


def _text_rows(text: str) -> Iterator[dict[str, str]]:
    for line in text.split("\n"):
        if (line := line.strip()) and not line.startswith("#"):
            yield {"url": line}


def _table_rows(text: str, separator: str, where: str) -> Iterator[dict[str, str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if "url" not in names:
            raise ScanError(f"{where}: its first line must name the columns, one of them 'url'")
        for row in reader:
            if any(row):
                yield dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise ScanError(f"{where}, line {reader.line_num}: {error}; fix it") from error


def _listed(row: dict[str, str]) -> Listed:
    text = " ".join("".join(c if c.isprintable() else " " for c in row.get("url", "")).split())
    text = hide_secrets(text[:MAX_URL])
    user = text.rfind("@") if "//" in text else -1
    hidden = f"…{text[user:]}" if user >= 0 else text  # without what may be a user and password
    rights, digest = Rights(), row.get("sha256", "").strip().lower() or None
    try:
        url = parse_http_url(row.get("url", "").strip())
        rights = parse_rights(row, "it")
        if digest and not _SHA256.fullmatch(digest):
            raise not_allowed("has a sha256 that is not 64 hexadecimal digits")
    except FetchProblem as problem:
        return Listed(hidden, None, rights, None, problem)
    except ScanError as error:
        return Listed(hidden, None, problem=not_allowed(f"is unusable: {error}"))
    return Listed(text, url, rights, digest)
