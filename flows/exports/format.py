"""The interface of an export format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flows.exports.options import Options
from flows.exports.samples import Sample


@dataclass(frozen=True)
class Format:
    """An export format."""

    summary: str
    """What it is for, in one line."""
    write: Callable[[Iterable[Sample], Path, Options], None]
    """Write the samples into an empty folder. The same samples and options give the same bytes."""
    chat: bool = False
    """Whether it writes conversations, to which `Options.target` and `max_pixels` apply."""
