"""Draw the pictures that are missing, and remember where their flaws are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.gallery.images import Pictures, Sources
from stages.engine.files import replacing
from stages.engine.workspace import FactoryError
from stages.records.documents import Box

_BATCH = 16
"""Pairs in memory while their pictures are drawn."""
_MAX_THREADS = 8
Report = Callable[[int], None]
"""Receives the number of pairs whose pictures are drawn."""


@dataclass(frozen=True)
class Place:
    """Where the flaws of a pair are, in pixels of its picture."""

    box: Box
    """Bounds of all visible flaws."""
    region: Box
    """What strip and overlay show."""
    flaws: Sequence[Box]
    """Bounds of each flaw."""


@dataclass(frozen=True)
class Job:
    """A pair whose pictures are drawn."""

    where: str
    """The pair, for messages."""
    names: tuple[str, str]
    """Names of the photo's picture and of the pair's."""
    sources: Sources
    flaws: Sequence[Box]


class Places:
    """The places of all pairs that were drawn, by the name of their pictures, kept in a table
    beside the pictures: the manifest does not have them, and a shard takes long to read."""

    def __init__(self, path: Path) -> None:
        """Read the table; empty if there is none or it cannot be read."""
        self._path = path
        self._known: dict[str, str] = {}
        self._used: dict[str, str] = {}
        try:
            table = pq.read_table(path, columns=["name", "place"])
        except (OSError, pa.ArrowException, KeyError):
            return
        self._known = dict(zip(table["name"].to_pylist(), table["place"].to_pylist(), strict=True))

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Place:
        text = self._used[name] = self._known[name]
        box, region, *flaws = map(tuple, json.loads(text))
        return Place(box, region, flaws)

    def add(self, job: Job) -> None:
        """Remember the place of a pair."""
        boxes = [job.sources.box, job.sources.region, *job.flaws]
        self._known[job.names[1]] = json.dumps(boxes, separators=(",", ":"))

    def save(self) -> None:
        """Write the places that were asked for since the table was read."""
        names = sorted(self._used)
        table = pa.table({"name": names, "place": [self._used[name] for name in names]})
        with replacing(self._path) as partial:
            pq.write_table(table, partial, compression="zstd")


def draw_all(
    jobs: Iterable[Job], pictures: Pictures, places: Places, report: Report = lambda done: None
) -> None:
    """Draw the pictures of all jobs, some of them at once, with few in memory at a time.

    Raises:
        FactoryError: a picture is damaged.
    """
    threads = min(_MAX_THREADS, os.cpu_count() or 1)

    def draw(job: Job) -> Job:
        try:
            pictures.draw(*job.names, job.sources)
        except ValueError as error:
            raise FactoryError(
                f"{job.where}: {error}; run `flawfactory verify --repair`"
            ) from error
        return job

    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for batch in _batches(jobs):
            for job in pool.map(draw, batch):
                places.add(job)
                done += 1
            report(done)


def _batches(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    left = iter(jobs)
    while batch := list(islice(left, _BATCH)):
        yield batch
