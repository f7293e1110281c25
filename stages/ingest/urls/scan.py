"""Turn a list of URLs into entries of the source list, fetching what is not here yet."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from stages.engine.codes import FetchCode
from stages.engine.storage.source_list import Problem, Source
from stages.engine.workspace import Workspace
from stages.ingest.licences import MAX_LENGTH, PhotoRights
from stages.ingest.sources import ScanError
from stages.ingest.urls.fetch import Fetcher
from stages.ingest.urls.library import Library
from stages.ingest.urls.listing import Listed, read_url_list
from stages.ingest.urls.problems import FetchProblem, not_fetched
from stages.ingest.urls.settings import UrlSettings, load_url_settings

Progress = Callable[[int, int], None]
"""Called with the number of URLs that are done and the number of all."""
_GIVE_UP = 5
"""URLs of a host that fail in a row in a way that may pass, after which the scan asks no more."""


def scan_urls(
    path: Path,
    workspace: Workspace,
    batch: str,
    purged: Collection[str] = (),
    progress: Progress = lambda done, count: None,
) -> tuple[list[Source], list[str]]:
    """Return an entry for each URL of a list, in the list's order, and the URLs that the next scan
    tries again. A URL that occurs twice has one entry.

    A URL that gives no file has a problem with the reason, and never stops the rest. What was
    fetched before is not fetched again.

    Args:
        path: the list.
        workspace: the checkout.
        batch: name of this delivery.
        purged: digests of photos that must not be kept.
        progress: told how far it is.

    Raises:
        ScanError: no host is allowed, or the list cannot be read or is empty.
        FactoryError: section ``urls`` of factory.toml is wrong.
    """
    settings = load_url_settings(workspace)
    if not settings.hosts:
        raise ScanError(
            f"{path}: lists of URLs are off: name the hosts that may be fetched from in "
            'factory.toml, for example [urls] hosts = ["images.example.org"]'
        )
    listed = read_url_list(path)
    if not listed:
        raise ScanError(f"{path}: has no URL")
    unique: dict[str, Listed] = {}
    for each in listed:
        unique.setdefault(each.url.url if each.url else each.text, each)
    work = _Scan(Library.of(workspace), Fetcher(settings), settings, batch, frozenset(purged))
    return work.run(list(unique.values()), progress), work.unfetched


class _Scan:
    """Fetches the lines of one list."""

    def __init__(
        self, library: Library, fetcher: Fetcher, settings: UrlSettings, batch: str,
        purged: frozenset[str],
    ) -> None:  # fmt: skip
        self._library, self._fetcher, self._settings = library, fetcher, settings
        self._batch, self._purged = batch, purged
        self._left = settings.max_total_bytes
        self._failed = Counter[str]()
        self.unfetched: list[str] = []
        self._lock = threading.Lock()

    def run(self, listed: list[Listed], progress: Progress) -> list[Source]:
        """Return the entries in the order of the lines. One thread per host, many hosts at once."""
        self._library.remove_partial()
        hosts = sorted(range(len(listed)), key=lambda n: _host(listed[n]))
        queues = [list(numbers) for _, numbers in groupby(hosts, lambda n: _host(listed[n]))]
        found: dict[int, Source] = {}
        stop = threading.Event()

        def work(queue: list[int]) -> None:
            for number in queue:
                if stop.is_set():
                    return
                found[number] = self._entry(listed[number])
                progress(len(found), len(listed))

        with ThreadPoolExecutor(self._settings.concurrency) as threads:
            futures = [threads.submit(work, queue) for queue in queues]
            try:
                for future in as_completed(futures):
                    future.result()
            except BaseException:
                stop.set()
                self._fetcher.stop()
                threads.shutdown(cancel_futures=True)
                raise
        return [found[number] for number in sorted(found)]

    def _entry(self, listed: Listed) -> Source:
        try:
            if listed.problem or listed.url is None:
                raise listed.problem or not_fetched("is not a URL")
            self._fetcher.check_host(listed.url)
            digest, size = self._obtain(listed)
        except FetchProblem as problem:
            if problem.passing:
                self.unfetched.append(listed.text)
            return self._make_entry(listed, None, 0, problem)
        return self._make_entry(listed, digest, size, None)

    def _obtain(self, listed: Listed) -> tuple[str, int]:
        """Return the digest and size of a URL's file, fetching it if it is not here.

        Raises:
            FetchProblem: there is none.
        """
        url = listed.url
        assert url is not None  # noqa: S101 - the caller checked
        known = self._library.find(url.url)
        if known is None or (known.sha256 and listed.sha256 not in (None, known.sha256)):
            digest, size = self._fetch(listed)
        elif known.sha256 is None:
            raise FetchProblem(FetchCode(known.code), known.message or "was not fetched")
        else:
            digest, size = known.sha256, known.bytes
        if digest in self._purged:
            self._library.forget(url, digest)
        else:
            self._library.link(url, digest)
        return digest, size

    def _fetch(self, listed: Listed) -> tuple[str, int]:
        url = listed.url
        assert url is not None  # noqa: S101 - the caller checked
        host = str(url.netloc)
        if self._failed[host] >= _GIVE_UP:
            raise not_fetched(
                f"was not asked for, because {_GIVE_UP} URLs of {host} failed in a row; scan again "
                "later",
                passing=True,
            )
        try:
            digest, size = self._fetcher.fetch(url, lambda b: self._library.store(self._count(b)))
            if size == 0:
                raise not_fetched("has no bytes")
            self._failed[host] = 0
        except FetchProblem as problem:
            self._failed[host] = self._failed[host] + 1 if problem.passing else 0
            if not problem.passing and problem.code in set(FetchCode) - {FetchCode.NOT_ALLOWED}:
                self._library.note(url.url, code=problem.code, message=problem.message)
            raise
        if listed.sha256 not in (None, digest):
            raise not_fetched(f"has the sha256 {digest}, not the one in the list")
        self._library.note(url.url, sha256=digest, bytes=size)
        return digest, size

    def _count(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass blocks on until the scan's limit on bytes is reached."""
        for block in blocks:
            with self._lock:
                self._left -= len(block)
                if self._left < 0:
                    limit = self._settings.max_total_bytes
                    raise FetchProblem(
                        FetchCode.NOT_ALLOWED,
                        f"would exceed the {limit:,} bytes that one scan may fetch "
                        "(`max_total_bytes` in factory.toml, section urls)",
                    )
            yield block

    def _make_entry(
        self, listed: Listed, digest: str | None, size: int, problem: FetchProblem | None
    ) -> Source:
        known = {name: value for name, value in asdict(listed.rights).items() if value}
        known.setdefault("origin", listed.text[:MAX_LENGTH])
        url = listed.url
        path = self._library.listed_path(url) if url else f"{self._batch}: {listed.text}"
        return Source(
            path=path, bytes=size, sha256=digest, batch=self._batch,
            problem=problem and Problem(
                code=problem.code, message=f"{problem.message} ({listed.text})"
            ),
            **asdict(PhotoRights(**known)),
        )  # fmt: skip


def _host(listed: Listed) -> str:
    return str(listed.url.netloc) if listed.url else ""
