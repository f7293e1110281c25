"""Fetch one URL: allow-list, robots.txt, checked addresses, redirects, opt-outs, retries."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url

from stages.ingest.urls.addresses import resolve
from stages.ingest.urls.listing import parse_http_url
from stages.ingest.urls.optout import MAX_ROBOTS, Rules, find_reservation
from stages.ingest.urls.problems import FetchProblem, not_allowed, not_fetched, opted_out
from stages.ingest.urls.settings import AGENT, UrlSettings
from stages.ingest.urls.transfer import PORTS, Cutter, open_url, read_body, read_start

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed a little later."""
_MAX_WAIT = 120.0
"""Maximum seconds between two attempts, whatever ``Retry-After`` says."""
_MAX_SITES = 64
"""Maximum number of hosts whose rules are kept."""
T = TypeVar("T")


class Fetcher:
    """Fetches URLs within the settings. May be used by several threads."""

    def __init__(self, settings: UrlSettings, sleep: Callable[[float], None] | None = None) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self._sleep = sleep or self._wait
        self._cutters: set[Cutter] = set()
        self._rules: dict[str, Rules | FetchProblem] = {}
        self._starts: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        contact = f" (+{settings.contact})" if settings.contact else ""
        self._headers = {"User-Agent": f"{AGENT}/1{contact}", "Accept": "image/*"}

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Cut all connections and end all waiting; whatever is asked for from now on fails."""
        self._stopped.set()
        with self._lock:
            for cutter in self._cutters:
                cutter.cut()

    def check_host(self, url: Url) -> None:
        """Check a URL against the allow-list.

        Raises:
            FetchProblem: ``not_allowed``.
        """
        host, port = str(url.host).lower(), url.port or PORTS[str(url.scheme)]
        for allowed in self._settings.hosts:
            name, _, number = allowed.rpartition(":") if _has_port(allowed) else (allowed, "", "")
            if port != int(number or PORTS[str(url.scheme)]):
                continue
            if host == name or (name.startswith("*.") and host.endswith(name[1:])):
                return
        where = host if port in PORTS.values() else f"{host}:{port}"
        raise not_allowed(f"{where} is not in `hosts` (factory.toml, section urls)")

    def fetch(self, url: Url, use: Callable[[Iterator[bytes]], T]) -> T:
        """Fetch a URL and return what `use` makes of the blocks of its body.

        What may pass is tried again, as often as the settings say.

        Args:
            url: normalised.
            use: consumes the body; called again for each attempt that gets that far.

        Raises:
            FetchProblem: says why there is no file.
        """
        attempts = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, FetchProblem) and e.passing),
            stop=stop_after_attempt(self._settings.attempts),
            wait=_seconds_to_wait,
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(self._fetch_once, url, use)

    def _fetch_once(self, url: Url, use: Callable[[Iterator[bytes]], T]) -> T:
        deadline = time.monotonic() + self._settings.timeout_seconds
        for _ in range(self._settings.redirects + 1):
            self.check_host(url)
            rules = self._rules_of(url)
            if not rules.allows(url.url):
                raise opted_out(f"is closed to robots by the robots.txt of {url.netloc}")
            with self._open(url, deadline, rules.delay) as response:
                if header := find_reservation(_values(response)):
                    raise opted_out(f"is reserved by its owner ({header})")
                if response.status not in _REDIRECTS:
                    return use(self._body(response))
                url = _redirected(url, response)
        raise not_fetched(f"is redirected more than {self._settings.redirects} times")

    def _body(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        status = response.status
        if status != 200:
            passing = status in _PASSING
            raise not_fetched(
                f"is answered with status {status}", passing=passing,
                retry_after=_retry_after(response) if passing else None,
            )  # fmt: skip
        kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind.startswith("text/"):
            raise not_fetched(f"is {kind if kind.isascii() else 'text'}, not a picture")
        return read_body(response, self._settings.max_bytes)

    @contextmanager
    def _open(self, url: Url, deadline: float, delay: float = 0) -> Iterator[BaseHTTPResponse]:
        """Open a URL whose host is allowed, at an address that is checked now."""
        address = resolve(
            str(url.host), url.port or PORTS[str(url.scheme)], self._settings.private_networks
        )
        self._wait_for_turn(str(url.netloc), max(delay, self._settings.delay_seconds))
        left = deadline - time.monotonic()
        if left <= 0:
            seconds = self._settings.timeout_seconds
            raise not_fetched(f"took more than {seconds:g} seconds", passing=True)
        cutter = Cutter()
        with self._lock:
            if self._stopped.is_set():
                raise not_fetched("was not fetched before the scan was stopped", passing=True)
            self._cutters.add(cutter)
        try:
            with open_url(url, address, self._headers, left, cutter) as response:
                yield response
        finally:
            with self._lock:
                self._cutters.discard(cutter)

    def _wait_for_turn(self, host: str, delay: float) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._starts.get(host, -math.inf) + delay)
            self._starts[host] = start
        if start > now:
            self._sleep(start - now)

    def _rules_of(self, url: Url) -> Rules:
        """Return the rules of a URL's host, which are fetched once."""
        site = f"{url.scheme}://{url.netloc}"
        with self._lock:
            lock = self._locks.setdefault(site, threading.Lock())
        with lock:
            found = self._rules.get(site)
            if found is None:
                try:
                    found = self._fetch_rules(parse_http_url(f"{site}/robots.txt"))
                except FetchProblem as problem:
                    if problem.passing:
                        raise
                    found = problem
                self._keep_rules(site, found)
        if isinstance(found, FetchProblem):
            raise found
        return found

    def _keep_rules(self, site: str, rules: Rules | FetchProblem) -> None:
        with self._lock:
            while len(self._rules) >= _MAX_SITES:
                del self._rules[next(iter(self._rules))]
            self._rules[site] = rules

    def _fetch_rules(self, url: Url) -> Rules:
        """Fetch a robots.txt as RFC 9309 says: none allows everything, a failing server nothing."""
        deadline = time.monotonic() + self._settings.timeout_seconds
        for _ in range(self._settings.redirects + 1):
            self.check_host(url)
            with self._open(url, deadline) as response:
                if response.status in _REDIRECTS:
                    url = _redirected(url, response)
                    continue
                if 400 <= response.status < 500 and response.status not in _PASSING:
                    return Rules()
                if response.status != 200:
                    raise not_fetched(
                        f"is not fetched while {url.url} is answered with status "
                        f"{response.status}",
                        passing=True, retry_after=_retry_after(response),
                    )  # fmt: skip
                return Rules(_read_robots(url, response))
        raise not_fetched(f"is not fetched: {url.url} is redirected too often")


def _read_robots(url: Url, response: BaseHTTPResponse) -> str:
    """Return the part of a robots.txt that counts.

    Raises:
        FetchProblem: it cannot be read, so nobody knows what it allows.
    """
    try:
        return read_start(response, MAX_ROBOTS).decode("utf-8", "replace")
    except FetchProblem as problem:
        message = f"is not fetched, because {url.url} {problem.message}"
        raise not_fetched(message, passing=problem.passing) from problem


def _has_port(allowed: str) -> bool:
    return ":" in allowed and not allowed.endswith("]")


def _values(response: BaseHTTPResponse) -> dict[str, list[str]]:
    headers = response.headers
    return {name.lower(): headers.getlist(name) for name in headers}


def _redirected(url: Url, response: BaseHTTPResponse) -> Url:
    """Return where a response leads.

    Raises:
        FetchProblem: nowhere, to no http or https URL, or from https to http.
    """
    try:
        target = urljoin(url.url, response.headers.get("Location", ""))
    except ValueError as error:
        raise not_fetched("is redirected to something that is no URL") from error
    found = parse_http_url(target)
    if url.scheme == "https" and found.scheme == "http":
        raise not_allowed("is redirected from https to http")
    return found


def _retry_after(response: BaseHTTPResponse) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait, from a number or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds_to_wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, FetchProblem) else None
    return min(_MAX_WAIT, asked if asked is not None else 2.0**state.attempt_number)
