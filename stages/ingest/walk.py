"""Walk a folder in a fixed order, without following links to folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stages.ingest.licences import LEDGER

ACCEPTED = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"}
)
REFUSED = frozenset({".gif", ".bmp", ".tif", ".tiff"})
"""Suffixes that are listed although they are not accepted: they become rejects with a remedy."""


@dataclass
class Walk:
    """The photos and unreadable folders below `root`; `ignored` and `ledgers` are updated
    while iterating.

    The order is depth first: the files of a folder by name, then its folders by name, with names
    compared as bytes. Hidden names (``.git``, ``._cat.jpg``) and files with other suffixes are
    ignored.
    """

    root: Path
    ignored: Counter[str] = field(default_factory=Counter)
    """Suffix (``hidden`` for dot names, ``folder link`` for links to folders) to its count."""
    ledgers: list[Path] = field(default_factory=list)
    """The ledgers of licences that were met."""

    def __iter__(self) -> Iterator[tuple[Path, OSError | None]]:
        """Yield each file with a photo's suffix, and each unreadable folder with its error."""
        pending = [self.root]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(folder) as found:
                    entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
            except OSError as error:
                yield folder, error
                continue
            folders = []
            for entry in entries:
                if entry.name.startswith("."):
                    self.ignored["hidden"] += 1
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif Path(entry.path).is_dir():
                    self.ignored["folder link"] += 1
                elif (suffix := Path(entry.name).suffix.lower()) in ACCEPTED | REFUSED:
                    yield Path(entry.path), None
                elif entry.name == LEDGER:
                    self.ledgers.append(Path(entry.path))
                else:
                    self.ignored[suffix or "no suffix"] += 1
            pending += reversed(folders)
