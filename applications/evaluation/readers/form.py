"""The interface of a reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from applications.evaluation.example import LabelledSet


@dataclass(frozen=True)
class Request:
    """What to read."""

    path: Path
    """The folder or file of the set."""
    split: str = ""
    """Name of a split of the set; empty = all."""
    pictures: Path | None = None
    """Folder of the pictures where it is not the set's own."""


def _no_splits(path: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class Form:
    """A form of labelled sets."""

    summary: str
    """What it is, in one line."""
    layout: str
    """What the path must hold, for messages."""
    matches: Callable[[Path], bool]
    """Whether a path looks like a set of this form. Reads as little as possible."""
    read: Callable[[Request], LabelledSet]
    """Reads the labels; no picture.

    Raises FactoryError if the set is of another layout or its labels are damaged.
    """
    splits: Callable[[Path], list[str]] = _no_splits
    """Names of the splits of a set; empty if this form has none."""
