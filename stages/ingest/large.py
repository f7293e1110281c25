"""One large photo at a time on this machine: a decoded one takes up to a gigabyte of memory."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGE = 32_000_000
"""Pixels."""


@contextmanager
def one_at_a_time(pixels: int) -> Iterator[None]:
    """Wait while another worker holds a large photo; smaller ones do not wait."""
    if pixels <= LARGE:
        yield
        return
    # This file itself is locked: it is there whatever may be written, and all workers have it.
    # The lock goes when the process does, however it goes.
    with Path(__file__).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
