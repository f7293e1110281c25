"""The review file of one reviewer while the gallery is served: read, changed and saved."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flows.reviews.judged import data_set_digest
from stages.engine.files import write_atomically
from stages.engine.storage.tables import read_photos
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.reviews import (
    FOLDER,
    MAX_MARKS,
    Mark,
    dump_review,
    make_review,
    read_review,
)


class UnknownPixels(ValueError):
    """A mark is about pixels that the build does not have."""


class FileConflict(ValueError):
    """The file was replaced by something that is not this reviewer's review file."""


@dataclass(frozen=True)
class Build:
    """What a mark may be about."""

    data_set: str
    """Digest of the version (`flows.reviews.judged.data_set_digest`)."""
    pixels: frozenset[str]
    """Digests of all rendered flaws."""


def read_build(workspace: Workspace) -> Build:
    """Read which flaws the present build has rendered.

    Raises:
        FactoryError: stage inject or filter has not run.
    """
    if not (digest := data_set_digest(workspace.data)):
        raise FactoryError("there is nothing to review yet: run `flawfactory build`")
    entries = read_photos(workspace.stage("inject"))
    places = (place for entry in entries for place in entry.places.items())
    return Build(digest, frozenset(m.sha256 for n, m in places if n.endswith(".artifact.png")))


class ReviewBook:
    """The marks of one reviewer, on disk after every change. May be used by several threads."""

    def __init__(self, workspace: Workspace, reviewer: str) -> None:
        """Open the file ``reviews/<reviewer>.json``, which need not exist yet.

        Raises:
            FactoryError: it is not a review file of this reviewer, or there is nothing to review.
        """
        self.reviewer, self.name = reviewer, f"{FOLDER}/{reviewer}.json"
        self._workspace, self._path = workspace, workspace.root / self.name
        self._lock = threading.Lock()
        self._marks: dict[str, Mark] = {}
        self._stamp: tuple[int, ...] | None = None
        self._build = read_build(workspace)
        try:
            self._reload()
        except FileConflict as conflict:
            raise FactoryError(str(conflict)) from conflict

    def refresh(self) -> tuple[str, list[Mark]]:
        """Read build and file again; return the build's identity and all marks.

        Raises:
            FactoryError: there is nothing to review any more.
            FileConflict: the file is not this reviewer's.
        """
        with self._lock:
            self._build = read_build(self._workspace)
            self._reload()
            return self._build.data_set, list(self._marks.values())

    def change(self, marks: Sequence[Mark], removed: Sequence[str]) -> int:
        """Add or replace marks, remove others, and save; return the number of marks in the file.

        Raises:
            UnknownPixels: a mark is about pixels that the build does not have, or there are too
                many marks. Nothing is changed.
            FileConflict: the file is not this reviewer's.
            OSError: it cannot be written.
        """
        with self._lock:
            if unknown := [m for m in marks if m.pixels_sha256 not in self._build.pixels]:
                raise UnknownPixels(
                    f"no flaw of this build has the pixels {unknown[0].pixels_sha256[:12]} "
                    f"({unknown[0].flaw}): reload the page"
                )
            self._reload()
            kept = {digest: m for digest, m in self._marks.items() if digest not in set(removed)}
            kept |= {mark.pixels_sha256: mark for mark in marks}
            if len(kept) > MAX_MARKS:
                raise UnknownPixels(f"{self.name}: a review file holds at most {MAX_MARKS:,} marks")
            file = make_review(self._build.data_set, self.reviewer, list(kept.values()))
            write_atomically(self._path, dump_review(file))
            self._marks, self._stamp = kept, self._find_stamp()
            return len(kept)

    def _find_stamp(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _reload(self) -> None:
        """Read the file again if somebody else changed it."""
        stamp = self._find_stamp()
        if stamp == self._stamp:
            return
        if stamp is None:
            self._marks, self._stamp = {}, None
            return
        try:
            file, _ = read_review(self._path, self.name)
        except FactoryError as error:
            raise FileConflict(f"{error}; move it away to start a new one") from error
        if file.reviewer != self.reviewer:
            raise FileConflict(f"{self.name}: a review by {file.reviewer}: rename the file")
        self._marks = {mark.pixels_sha256: mark for mark in file.marks}
        self._stamp = stamp


@contextmanager
def lock_reviewer(workspace: Workspace, reviewer: str) -> Iterator[None]:
    """Hold the lock of a reviewer's file, so that only one server writes it. The kernel releases it
    when the process ends.

    Raises:
        FactoryError: another process holds it.
    """
    workspace.reports.mkdir(parents=True, exist_ok=True)
    with (workspace.reports / f"review-{reviewer}.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            raise FactoryError(
                f"`flawfactory view --serve` runs already for reviewer {reviewer}"
                f"{f' (process {holder})' if holder else ''}: use it, or another `--reviewer`"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
