"""Decode one large photo at a time on this machine: each takes up to a gigabyte of memory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGE = 32_000_000
"""Number of pixels above which a photo is large."""


@contextmanager
def lock_large(pixels: int) -> Iterator[None]:
    """Wait while another worker holds a large photo; smaller photos do not wait."""
    if pixels <= LARGE:
        yield
        return
    # Locks this file itself: it exists even where nothing can be written, and all workers have it.
    # The kernel releases the lock when the process ends for any reason.
    with Path(__file__).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
