from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from url_server import UrlServer

from stages.ingest.urls.fetch import Fetcher
from stages.ingest.urls.listing import parse_http_url
from stages.ingest.urls.settings import UrlSettings

LOOPBACK = ("127.0.0.1/32",)


@pytest.fixture
def server() -> Iterator[UrlServer]:
    with UrlServer() as running:
        yield running


@pytest.fixture
def names(monkeypatch) -> dict[str, list[str]]:
    """Return host name to addresses, which the resolver answers with; no other name resolves."""
    known: dict[str, list[str]] = {}

    def resolve(host: str, port: int, *_: object, **__: object):
        if host[-1].isdigit():
            known.setdefault(host, [host])
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.fixture
def waits() -> list[float]:
    """Return the seconds that the fetcher of `fetch` has waited."""
    return []


@pytest.fixture
def fetch(server, waits) -> Callable[..., bytes]:
    """Return ``fetch(path or URL, **settings)``, which returns the body."""

    def run(what: str, **settings: object) -> bytes:
        defaults = {"hosts": [f"127.0.0.1:{server.port}"], "private_networks": LOOPBACK,
                    "delay_seconds": 0.0, "timeout_seconds": 20.0}  # fmt: skip
        fetcher = Fetcher(UrlSettings(**{**defaults, **settings}), waits.append)
        url = parse_http_url(server.url(what) if what.startswith("/") else what)
        return fetcher.fetch(url, b"".join)

    return run
