"""Send one GET request to a checked address, with limits on time and size."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url
from urllib3.util.ssl_match_hostname import CertificateError

from stages.ingest.codes import IngestCode
from stages.ingest.urls.problems import FetchProblem, not_fetched

PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 15.0
_BLOCK = 1 << 16
_TIMEOUTS = (TimeoutError, HTTPTimeoutError)


@cache
def _trusted() -> ssl.SSLContext:
    """Trust the system's authorities and certifi's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Cutter:
    """Cuts a connection from another thread, whatever the connection is doing.

    It has its own descriptor of the socket, because TLS takes the socket over before it shakes
    hands, and a server may take its time over that too.
    """

    def __init__(self) -> None:
        self._cut = threading.Event()
        self._twin: socket.socket | None = None

    @property
    def has_cut(self) -> bool:
        """Whether `cut` was called."""
        return self._cut.is_set()

    def hold(self, connected: socket.socket) -> socket.socket:
        """Take note of a socket and return it.

        Raises:
            TimeoutError: `cut` was called before.
        """
        self._twin = connected.dup()
        if self.has_cut:
            connected.close()
            raise TimeoutError
        return connected

    def cut(self) -> None:
        """Cut the connection, or the one that is being made."""
        self._cut.set()
        if self._twin:
            with suppress(OSError):  # the other side was faster
                self._twin.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the socket."""
        if self._twin:
            self._twin.close()


class _Http(HTTPConnection):
    cutter: Cutter

    def _new_conn(self) -> socket.socket:
        return self.cutter.hold(super()._new_conn())


class _Https(HTTPSConnection):
    cutter: Cutter

    def _new_conn(self) -> socket.socket:
        return self.cutter.hold(super()._new_conn())


def _connect(url: Url, address: str, timeout: float, cutter: Cutter) -> HTTPConnection:
    host, port = str(url.host), url.port or PORTS[str(url.scheme)]
    seconds = min(timeout, _CONNECT_SECONDS)
    if url.scheme == "http":
        connection = _Http(address, port, timeout=seconds)
    else:
        name = host.strip("[]")
        connection = _Https(
            address, port, timeout=seconds, server_hostname=name, assert_hostname=name,
            ssl_context=_trusted(),
        )  # fmt: skip
    connection.cutter = cutter
    return connection


@contextmanager
def open_url(
    url: Url, address: str, headers: Mapping[str, str], timeout: float, cutter: Cutter
) -> Iterator[BaseHTTPResponse]:
    """Send a GET request and yield the response, whose body is not read yet.

    After `timeout` seconds the connection is cut, also in the middle of a handshake, a header or
    the body.

    Args:
        url: normalised, http or https.
        address: the address to connect to; the host's certificate is checked all the same.
        headers: further headers.
        timeout: seconds.
        cutter: cuts the connection; not used before.

    Raises:
        FetchProblem: the connection, the request or reading the response fails.
    """
    connection = _connect(url, address, timeout, cutter)
    timer = threading.Timer(timeout, cutter.cut)
    timer.daemon = True
    timer.start()
    sent = {"Host": _host_header(url), "Accept-Encoding": "identity", "Connection": "close"}
    try:
        connection.request(
            "GET", url.request_uri, headers={**sent, **headers}, preload_content=False,
            decode_content=False,
        )  # fmt: skip
        response = connection.getresponse()
        _check(cutter)
        yield response
        _check(cutter)
    except (ssl.SSLCertVerificationError, CertificateError) as error:
        raise not_fetched(f"has no valid certificate ({_describe(error)})") from error
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        # The socket has a time limit of its own, and either may be first.
        if cutter.has_cut or isinstance(error, _TIMEOUTS):
            seconds = timeout if cutter.has_cut else min(timeout, _CONNECT_SECONDS)
            raise not_fetched(f"took more than {seconds:g} seconds", passing=True) from error
        raise not_fetched(f"fails: {_describe(error)}", passing=True) from error
    finally:
        timer.cancel()
        connection.close()
        cutter.close()


def _check(cutter: Cutter) -> None:
    """Raise if the connection was cut: what was read until then looks complete."""
    if cutter.has_cut:
        raise TimeoutError


def _host_header(url: Url) -> str:
    default = url.port in (None, PORTS[str(url.scheme)])
    return str(url.host) if default else f"{url.host}:{url.port}"


def _describe(error: Exception) -> str:
    """Return an error as one short line; its text may come from the server."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return f"{type(error).__name__} {' '.join(text.split())[:200]}".strip()


def read_body(response: BaseHTTPResponse, max_bytes: int) -> Iterator[bytes]:
    """Yield the body in blocks.

    Raises:
        FetchProblem: ``too_large``, or ``not_fetched`` if the body is compressed (which hides its
            size and which no server needs to do with a photo) or ends early.
    """
    if (_announced(response) or 0) > max_bytes:
        raise _too_large(max_bytes)
    count = 0
    for block in _read_blocks(response):
        count += len(block)
        if count > max_bytes:
            raise _too_large(max_bytes)
        yield block


def read_start(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    """Return the body, or its first bytes if it has more than `max_bytes`.

    Raises:
        FetchProblem: ``not_fetched`` if it is compressed or ends early.
    """
    data = b""
    for block in _read_blocks(response):
        data += block
        if len(data) >= max_bytes:
            break
    return data[:max_bytes]


def _read_blocks(response: BaseHTTPResponse) -> Iterator[bytes]:
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise not_fetched("is sent compressed, which was not asked for")
    count = 0
    while block := response.read1(_BLOCK):
        count += len(block)
        yield block
    if count < (_announced(response) or 0):  # `read1` does not report it
        raise not_fetched("ends too early", passing=True)


def _announced(response: BaseHTTPResponse) -> int | None:
    """Return the Content-Length; None if there is none, or none that is a number."""
    text = response.headers.get("Content-Length", "")
    return int(text[:20]) if text.isascii() and text.isdigit() else None


def _too_large(max_bytes: int) -> FetchProblem:
    return FetchProblem(
        IngestCode.TOO_LARGE,
        f"has more than {max_bytes:,} bytes (`max_bytes` in factory.toml, section urls)",
    )
