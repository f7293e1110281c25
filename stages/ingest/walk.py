"""Going through a folder: what lies in it, in one fixed order, without following folder links."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ACCEPTED = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".heic", ".heif", ".hif", ".avif"}
)
REFUSED = frozenset({".gif", ".bmp", ".tif", ".tiff"})
"""Listed although no photo can come of them: they end as rejects that say what to do."""


@dataclass
class Walk:
    """Photos and unreadable folders below `root`; the counters fill while iterating.

    Order: files of a folder by name, then its folders by name (names compared as bytes), depth
    first. Hidden names (``.git``, ``._cat.jpg``) and files with other suffixes are ignored.
    """

    root: Path
    ignored: Counter[str] = field(default_factory=Counter)
    """Suffix (``hidden`` for dot names, ``folder link`` for links to folders) to count."""

    def __iter__(self) -> Iterator[tuple[Path, OSError | None]]:
        """Yield each photo-like file, or a folder with the error that kept it closed."""
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
                else:
                    self.ignored[suffix or "no suffix"] += 1
            pending += reversed(folders)
