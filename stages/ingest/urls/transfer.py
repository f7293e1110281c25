"""Send one GET request to a checked address, with limits on time and size."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPException
from socket import SHUT_RDWR

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url
from urllib3.util.ssl_match_hostname import CertificateError

from stages.ingest.codes import IngestCode
from stages.ingest.urls.problems import FetchProblem, not_fetched

PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 15.0
_BLOCK = 1 << 16


@cache
def _trusted() -> ssl.SSLContext:
    """Trust the system's authorities and certifi's."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _connect(url: Url, address: str, timeout: float) -> HTTPConnection:
    host, port = str(url.host), url.port or PORTS[str(url.scheme)]
    seconds = min(timeout, _CONNECT_SECONDS)
    if url.scheme == "http":
        return HTTPConnection(address, port, timeout=seconds)
    name = host.strip("[]")
    return HTTPSConnection(
        address, port, timeout=seconds, server_hostname=name, assert_hostname=name,
        ssl_context=_trusted(),
    )  # fmt: skip


@contextmanager
def open_url(
    url: Url, address: str, headers: Mapping[str, str], timeout: float
) -> Iterator[BaseHTTPResponse]:
    """Send a GET request and yield the response, whose body is not read yet.

    After `timeout` seconds the connection is cut, also in the middle of a header or of the body.

    Args:
        url: normalised, http or https.
        address: the address to connect to; the host's certificate is checked all the same.
        headers: further headers.
        timeout: seconds.

    Raises:
        FetchProblem: the connection, the request or reading the response fails.
    """
    connection = _connect(url, address, timeout)
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError, AttributeError):  # not connected yet, or no longer
            connection.sock.shutdown(SHUT_RDWR)  # pyright: ignore[reportOptionalMemberAccess]

    timer = threading.Timer(timeout, cut)
    timer.daemon = True
    timer.start()
    sent = {"Host": _host_header(url), "Accept-Encoding": "identity", "Connection": "close"}
    try:
        connection.request(
            "GET", url.request_uri, headers={**sent, **headers}, preload_content=False,
            decode_content=False,
        )  # fmt: skip
        response = connection.getresponse()
        _check(late)
        yield response
        _check(late)
    except (ssl.SSLCertVerificationError, CertificateError) as error:
        raise not_fetched(f"has no valid certificate ({_describe(error)})") from error
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        if late.is_set():
            message = f"took more than {timeout:g} seconds"
            raise not_fetched(message, passing=True) from error
        raise not_fetched(f"fails: {_describe(error)}", passing=True) from error
    finally:
        timer.cancel()
        connection.close()


def _check(late: threading.Event) -> None:
    """Raise if the connection was cut: what was read until then looks complete."""
    if late.is_set():
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
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise not_fetched("is sent compressed, which was not asked for")
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced[:20]) > max_bytes:
        raise _too_large(max_bytes)
    count = 0
    while block := response.read1(_BLOCK):
        count += len(block)
        if count > max_bytes:
            raise _too_large(max_bytes)
        yield block
    if announced.isdigit() and count < int(announced[:20]):  # `read1` does not report it
        raise not_fetched("ends too early", passing=True)


def _too_large(max_bytes: int) -> FetchProblem:
    return FetchProblem(
        IngestCode.TOO_LARGE,
        f"has more than {max_bytes:,} bytes (`max_bytes` in factory.toml, section urls)",
    )
