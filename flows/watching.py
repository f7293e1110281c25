"""Watch folders and buckets for new photos, and start a build when some have arrived completely."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ValidationError

from flows.retries import Due, find_due
from flows.unfetched import describe_given_up
from stages.engine.attempts import MAX_ATTEMPTS
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import BucketPrefix, SourceLocation
from stages.ingest.buckets.listing import snapshot_objects
from stages.ingest.walk import Walk

SEEN = Path(".cache") / "watched.json"
"""What the last build that was started here has seen; relative to `Workspace.data`."""
PAUSES = (15.0, 240.0)
"""Minutes after which photos are tried again that one build could not take, and two could not."""


class Outcome(Enum):
    """How a build ended."""

    SUCCEEDED = auto()
    FAILED = auto()
    LOST = auto()
    """The server no longer knows it: somebody deleted the run, or its database is another one."""


class Builds(Protocol):
    """Starts builds and tells how they ended."""

    def start(self) -> str | None:
        """Start a build; return an identifier, or None if it cannot be started now."""
        ...

    def outcome(self, identifier: str) -> Outcome | None:
        """Return how a build ended; None while it is pending or runs, or nobody can tell."""
        ...


class _Seen(BaseModel):
    folders: list[str]
    digest: str


def take_snapshot(folders: Sequence[SourceLocation]) -> str:
    """Return a digest of path, size and modification time of every photo and ledger of licences in
    the folders. A ledger that cannot be read fails builds until it changes.

    A list of URLs counts as one file; what its URLs lead to is not looked at. A bucket is listed:
    names, sizes and ETags count.

    Sidecars do not count: a changed one is read by the next build. A file or folder that cannot be
    read counts as missing.

    Raises:
        FactoryError: a bucket cannot be listed.
    """
    digest = sha256()
    for folder in folders:
        if isinstance(folder, BucketPrefix):
            digest.update(snapshot_objects(folder).encode())
            continue
        for path in _list_files(folder):
            try:
                status = path.stat()
            except OSError:
                continue
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _list_files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    walk = Walk(source)
    yield from (path for path, error in walk if error is None)
    yield from walk.ledgers


@dataclass
class Watch:
    """Looks at the folders at intervals and starts one build at a time.

    Photos that are still being copied differ from one look to the next: a build is started only
    when two looks agree, which needs no clock that goes right. What a build has seen is written
    down when it succeeds, so that photos are taken up that came while nobody watched. A build that
    failed is not repeated until photos change, or watching starts anew; one that was lost is. A
    bucket that cannot be listed counts as unchanged, and is listed again at the next look.

    Photos that a build could not take for a reason that may pass are the reason of further builds,
    after `PAUSES`, until `MAX_ATTEMPTS` builds have tried them.
    """

    workspace: Workspace
    folders: Sequence[SourceLocation]
    minutes: float
    """Time between two looks."""
    builds: Builds
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _running: tuple[str, str] | None = None
    """Identifier of the build and what it sees."""
    _last: str = ""
    _handled: str = field(init=False)
    _looked: float | None = None
    _again: float | None = None
    """When photos are tried again; None: no photo is waiting for it."""
    _failures: int = 0
    """Builds that failed in a row since photos changed."""
    _blind: bool = False
    """Whether the last look failed."""

    def __post_init__(self) -> None:
        self._handled = self._read()

    def poll(self) -> None:
        """Look at the folders if it is time; start a build if photos have changed."""
        now = self.clock()
        if self._looked is not None and now - self._looked < 60 * self.minutes:
            return
        self._looked = now
        if self._running and not self._finish(*self._running):
            return
        if (found := self._look()) is None:
            return
        settled, self._last = found == self._last, found
        if not settled:
            return
        if found != self._handled:
            self._failures = 0
            self._start("photos have changed", found)
        elif self._again is None:
            self._plan(now)
        elif now >= self._again:
            if due := self._find_due():
                self._start(f"photos to try again ({due.words})", found)
            else:  # another build has tried them
                self._again = None

    def _start(self, reason: str, found: str) -> None:
        build = self.builds.start()
        if build is not None:
            self.say(f"{reason}: a build is started")
            self._running = build, found

    def _plan(self, now: float) -> None:
        """Set and say when photos are tried again, if there are any."""
        due = self._find_due()
        if due and (tried := due.tried + self._failures) < MAX_ATTEMPTS:
            minutes = PAUSES[tried - 1]
            self._again = now + 60 * minutes
            self.say(f"photos to try again ({due.words}): a build starts in {minutes:g} minutes")

    def _find_due(self) -> Due | None:
        try:
            return find_due(self.workspace, self.folders)
        except (OSError, FactoryError):  # another build is replacing the files, or will report it
            return None

    def _look(self) -> str | None:
        """Return what is there now; None if that cannot be seen, which is said once."""
        try:
            found = take_snapshot(self.folders)
        except FactoryError as error:
            if not self._blind:
                self.say(f"cannot look for photos: {error}; tried again at each look")
            self._blind = True
            return None
        if self._blind:
            self.say("photos can be looked for again")
        self._blind = False
        return found

    def _finish(self, build: str, snapshot: str) -> bool:
        """Take note of how a build ended; return False if it has not."""
        outcome = self.builds.outcome(build)
        if outcome is None:
            return False
        self._running = None
        if outcome is Outcome.LOST:
            self.say("the server no longer knows the build; another one is started")
            return True
        self._handled, self._again = snapshot, None
        if outcome is Outcome.SUCCEEDED:
            self._failures = 0
            seen = _Seen(folders=list(map(str, self.folders)), digest=snapshot)
            write_atomically(self.workspace.data / SEEN, seen.model_dump_json().encode())
            if line := describe_given_up(self.workspace, self.folders):
                self.say(line)
        else:
            self._failures += 1
            self.say(
                "the build failed; it is tried again when photos change, or by `flawfactory build`"
            )
        return True

    def _read(self) -> str:
        try:
            seen = _Seen.model_validate_json((self.workspace.data / SEEN).read_bytes())
        except (OSError, ValidationError):
            return ""
        return seen.digest if seen.folders == list(map(str, self.folders)) else ""
