"""Progress of a stage: a line on the terminal, and a small file that the flow reads."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from stages.engine.files import canonical_json, write_atomically

_INTERVAL = 0.5
"""Minimum number of seconds between two reports."""


@dataclass(frozen=True)
class Progress:
    """The progress of a stage, in photos."""

    stage: str
    done: int
    total: int
    kept: int
    """Photos whose result was in the store."""
    rejected: int
    seconds: float
    workers: str = ""
    """Description of the workers and of what they load before their first photo; empty if there is
    nothing to compute."""

    @property
    def rate(self) -> float:
        """Photos computed per second; those from the store do not count."""
        return (self.done - self.kept) / self.seconds if self.seconds else 0.0

    @property
    def eta(self) -> float | None:
        """Estimated seconds left; None until the first photo is computed."""
        return (self.total - self.done) / self.rate if self.rate else None

    @classmethod
    def read(cls, path: Path) -> Progress | None:
        """Read what a stage last wrote; None if it has not started or the file is not readable."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def line(self) -> str:
        """Return e.g. ``inject 12/43, 0.41 photos/s, 75 s left, 3 from the store, 1 rejected``."""
        parts = [f"{self.stage} {self.done}/{self.total}"]
        if self.rate:
            parts.append(f"{self.rate:.2f} photos/s")
        elif self.workers:
            parts.append(self.workers)
        if self.eta:
            parts.append(f"{self.eta:.0f} s left")
        if self.kept:
            parts.append(f"{self.kept} from the store")
        if self.rejected:
            parts.append(f"{self.rejected} rejected")
        return ", ".join(parts)


class Reporter:
    """Writes the progress file at most twice a second, and a line if stderr is a terminal."""

    def __init__(self, stage: str, total: int, kept: int, path: Path, workers: str = "") -> None:
        self._start, self._last = time.monotonic(), 0.0
        self._path = path
        self._now = Progress(stage, kept, total, kept, 0, 0.0, workers)
        self._write()

    def advance(self, rejected: bool) -> None:
        """Count one more photo as done."""
        seconds = round(time.monotonic() - self._start, 3)
        now = asdict(self._now) | {
            "done": self._now.done + 1,
            "rejected": self._now.rejected + rejected,
            "seconds": seconds,
        }
        self._now = Progress(**now)
        if seconds - self._last >= _INTERVAL or self._now.done == self._now.total:
            self._last = seconds
            self._write()

    def _write(self) -> None:
        write_atomically(self._path, canonical_json(asdict(self._now)))
        if sys.stderr.isatty():
            end = "\n" if self._now.done == self._now.total else "\r"
            print(f"\x1b[2K{self._now.line()}", end=end, file=sys.stderr, flush=True)
