"""Serve the gallery on this machine and save a reviewer's marks.

The server listens on 127.0.0.1 only. Other web pages in the same browser can send requests to it,
so it answers only requests whose ``Host`` names this address (another site's name that resolves to
127.0.0.1 is refused), and changes marks only with the token that the page gets from
``GET /api/review``, which other pages cannot read. docs/reviewing.md describes the interface.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError

from flows.reviews.book import FileConflict, ReviewBook, UnknownPixels
from stages.engine.workspace import FactoryError
from stages.filter.reviews import Digest, Mark
from stages.records.documents import Document

ADDRESS = "127.0.0.1"
API = "/api/review"
TOKEN = "X-Flawfactory-Token"  # noqa: S105 - the name of a header
MAX_BODY, MAX_CHANGES = 2**20, 1000
_SECONDS = 30.0
"""Maximum time to wait for the next bytes of a request."""
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webp": "image/webp",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
"""Suffixes of the files that are served."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}


class Changes(Document):
    """The body of a request that changes marks."""

    marks: Annotated[list[Mark], Field(max_length=MAX_CHANGES)] = Field(default_factory=list)
    removed: Annotated[list[Digest], Field(max_length=MAX_CHANGES)] = Field(default_factory=list)


class Refused(Exception):
    """A request is refused; the text is for the user."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves the files of `folder` and the marks of `book`."""

    daemon_threads = True

    def __init__(self, folder: Path, book: ReviewBook, port: int = 0) -> None:
        """Listen on a port of this machine; 0 takes a free one.

        Raises:
            FactoryError: the port is taken.
        """
        self.folder, self.book = folder.resolve(), book
        self.token = secrets.token_urlsafe(32)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise FactoryError(f"port {port}: {error.strerror}; choose another: --port") from error

    @property
    def hosts(self) -> tuple[str, ...]:
        """The values of ``Host`` that are answered."""
        return tuple(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{self.hosts[0]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS  # pyright: ignore[reportIncompatibleUnannotatedOverride]
    server_version, sys_version = "flawfactory", ""

    def do_GET(self) -> None:
        self._answer(self._read_api if self._path == API else self._read_file)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._answer(self._change)

    @property
    def _path(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _answer(self, work: Any) -> None:
        try:
            if self.headers.get("Host", "") not in self.server.hosts:
                raise Refused(
                    HTTPStatus.FORBIDDEN, f"open {self.server.url}, no other name of this machine"
                )
            kind, body = work()
            self._send(HTTPStatus.OK, kind, body)
        except Refused as refused:
            # The body may not have been read, so the connection cannot be used again.
            self.close_connection = True
            self._send(refused.status, _TYPES[".json"], _json({"error": str(refused)}))

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store" if kind != _TYPES[".webp"] else "private")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _read_file(self) -> tuple[str, bytes]:
        name = self._path.lstrip("/") or "index.html"
        path = self.server.folder / name
        kind = _TYPES.get(path.suffix)
        try:
            inside = path.resolve().is_relative_to(self.server.folder)
            if kind is None or "\0" in name or not inside or not path.is_file():
                raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
            return kind, path.read_bytes()
        except (OSError, ValueError):  # removed meanwhile, or a name that no file can have
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page") from None

    def _read_api(self) -> tuple[str, bytes]:
        self._check_origin()
        book = self.server.book
        try:
            data_set, marks = book.refresh()
        except (FactoryError, FileConflict) as error:
            raise Refused(HTTPStatus.CONFLICT, str(error)) from error
        return _TYPES[".json"], _json(
            {
                "token": self.server.token,
                "reviewer": book.reviewer,
                "file": book.name,
                "data_set": data_set,
                "marks": [mark.model_dump(mode="json") for mark in marks],
            }
        )

    def _change(self) -> tuple[str, bytes]:
        if self._path != API:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        self._check_origin()
        if not hmac.compare_digest(
            self.headers.get(TOKEN, "").encode("latin-1"), self.server.token.encode()
        ):
            raise Refused(HTTPStatus.FORBIDDEN, "the server was started again: reload the page")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "marks are sent as application/json")
        changes = _parse(self._read_body())
        book = self.server.book
        try:
            count = book.change(changes.marks, changes.removed)
        except UnknownPixels as error:
            raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
        except FileConflict as error:
            raise Refused(HTTPStatus.CONFLICT, str(error)) from error
        except OSError as error:
            text = f"{book.name} cannot be written: {error.strerror}"
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, text) from error
        return _TYPES[".json"], _json({"marks": count, "file": book.name})

    def _check_origin(self) -> None:
        """Refuse requests of other web pages, as far as the browser says where they come from."""
        origins = {f"http://{host}" for host in self.server.hosts}
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site")
        if (origin and origin not in origins) or (site and site not in ("same-origin", "none")):
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other web pages are refused")

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request does not say its size")
        if len(length) > 9 or int(length) > MAX_BODY:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {MAX_BODY} bytes"
            )
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def _parse(body: bytes) -> Changes:
    try:
        return Changes.model_validate_json(body, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"])) or "body"
        raise Refused(HTTPStatus.BAD_REQUEST, f"{place}: {problem['msg']}") from error


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=True).encode()
