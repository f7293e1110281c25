"""Write the page's data as scripts, since a page from ``file://`` may not fetch.

``meta.js`` is read first. ``columns.js`` holds what the filters look at, as typed arrays;
``pixels.js`` the digests to which marks belong. The rest is in numbered parts that the page loads
when it needs them: ``cards`` (what a card shows), ``words`` (where a search looks), ``records``
(what the viewer shows), ``rejects``.
"""

from __future__ import annotations

import base64
import json
import math
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flows.gallery.items import Item
from stages.engine.files import write_atomically
from stages.tools import TOOLS

PART_SIZES = {"cards": 500, "words": 2000, "records": 100, "rejects": 200}
"""Part to the number of entries in each of its files."""
CHANGES = ("", "added", "changed")
"""What became of a pair since the last version, by its code in the columns."""


def script(name: str, number: int, content: Any) -> bytes:
    """Serialise `content` as a script that hands it to the page.

    The script is ASCII without ``<``, so that no name from a photo can end or change it.
    """
    text = json.dumps(
        content, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True
    )
    escaped = text.replace("<", "\\u003c")
    return f'GALLERY.receive("{name}",{number},{escaped});\n'.encode("ascii")


class Parts:
    """Writes entries in files of equal length; one file's entries are in memory."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name, self._size = folder / name, name, PART_SIZES[name]
        self._entries: list[Any] = []
        self._number = 0

    def add(self, entry: Any) -> None:
        """Append an entry."""
        self._entries.append(entry)
        if len(self._entries) == self._size:
            self._write()

    def close(self) -> None:
        """Write the last file and remove those of an earlier, longer page."""
        if self._entries:
            self._write()
        for path in self._folder.glob("*.js"):
            if not path.stem.isdecimal() or int(path.stem) >= self._number:
                path.unlink()

    def _write(self) -> None:
        path = self._folder / f"{self._number}.js"
        write_atomically(path, script(self._name, self._number, self._entries))
        self._entries = []
        self._number += 1


class Codes:
    """Gives names numbers, in the order in which they appear."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._codes = {name: code for code, name in enumerate(names)}

    def of(self, name: str) -> int:
        """Return the number of a name."""
        return self._codes.setdefault(name, len(self._codes))

    def names(self) -> list[str]:
        """Return the names by number."""
        return list(self._codes)


def encode(values: Iterable[float] | bytes, kind: str) -> list[str]:
    """Encode numbers for a typed array of the page.

    Args:
        values: the numbers, or bytes.
        kind: ``u`` for integers from 0, in as few bytes as the largest needs; ``f`` for 32-bit
            floats.

    Returns:
        ``u1``, ``u2``, ``u4`` or ``f4``, and the little-endian bytes in base64.
    """
    if isinstance(values, bytes):
        return ["u1", base64.b64encode(values).decode()]
    numbers = np.asarray(values)
    largest = int(numbers.max()) if kind == "u" and len(numbers) else 0
    dtype = "f4" if kind == "f" else f"u{1 if largest < 2**8 else 2 if largest < 2**16 else 4}"
    return [dtype, base64.b64encode(numbers.astype(f"<{dtype}").tobytes()).decode()]


class ItemIndex:
    """Writes the items' parts, and collects their columns: some 100 bytes an item in memory."""

    def __init__(self, folder: Path, changes: Mapping[str, int]) -> None:
        """Start an index.

        Args:
            folder: folder of the scripts.
            changes: pair to its code in `CHANGES`; those that are not listed did not change.
        """
        self._folder, self._changes = folder, changes
        self._parts = {name: Parts(folder, name) for name in ("cards", "words", "records")}
        names = ("tool", "entity", "part", "split", "reason", "score")
        self.codes = {name: Codes(TOOLS if name == "tool" else ()) for name in names}
        for name in ("split", "reason"):
            self.codes[name].of("")
        items = ("split", "reason", "change", "start", "photo")
        self._items = {name: array("L") for name in items}
        self._flaws = {name: array("L") for name in ("tool", "entity", "part")}
        self._numbers = {name: array("d") for name in ("area", "lpips", "probability")}
        self._photos = Codes()
        self._pixels = bytearray()
        self.accepted = self.pixels = 0

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self._items["start"])

    @property
    def flaws(self) -> int:
        """Number of flaws."""
        return len(self._flaws["tool"])

    def add(self, item: Item) -> None:
        """Append an item; pairs come before refused variants."""
        columns = self._items
        columns["start"].append(self.flaws)
        columns["split"].append(self.codes["split"].of(item.split))
        columns["reason"].append(self.codes["reason"].of(item.reason))
        columns["change"].append(self._changes.get(item.id, 0) if item.accepted else 0)
        columns["photo"].append(self._photos.of(item.photo))
        self.accepted += item.accepted
        for flaw in item.flaws:
            for name in ("tool", "entity", "part"):
                self._flaws[name].append(self.codes[name].of(getattr(flaw, name)))
            for name in self._numbers:
                self._numbers[name].append(getattr(flaw, name))
            self._pixels += bytes.fromhex(flaw.pixels) if flaw.pixels else bytes(32)
            self.pixels += bool(flaw.pixels)
        self._parts["cards"].add(make_card(item))
        self._parts["words"].add(item.words())
        self._parts["records"].add(make_record(item, self.codes["score"]))

    def close(self) -> None:
        """Write what is left, and the columns."""
        for part in self._parts.values():
            part.close()
        columns = {f"item.{name}": encode(v, "u") for name, v in self._items.items()}
        columns |= {f"flaw.{name}": encode(v, "u") for name, v in self._flaws.items()}
        columns |= {f"flaw.{name}": encode(v, "f") for name, v in self._numbers.items()}
        write_atomically(self._folder / "columns.js", script("columns", 0, columns))
        pixels = encode(bytes(self._pixels) if self.pixels else b"", "u")
        write_atomically(self._folder / "pixels.js", script("pixels", 0, pixels))


def make_card(item: Item) -> list[Any]:
    """Return what a card shows: id, name of the pictures, title, words, 1 if a flaw's part is only
    known by position, 1 if a person decided."""
    only = item.flaws[0] if len(item.flaws) == 1 else None
    title = subject(item) if only else ", ".join(flaw.label for flaw in item.flaws)
    said = (only.text if only else item.overall) or item.message
    positional = int(any(flaw.positional for flaw in item.flaws))
    by_person = int(any(flaw.judge_verdict for flaw in item.flaws))
    return [item.id, item.pictures[1], title, said, positional, by_person]


def subject(item: Item) -> str:
    """Name the entity and part of a single flaw."""
    flaw = item.flaws[0]
    first = flaw.entity if flaw.part == flaw.entity else f"{flaw.entity} · {flaw.part}"
    return f"{first} + {flaw.other}" if flaw.other else first


def make_record(item: Item, scores: Codes) -> dict[str, Any]:
    """Return what the viewer shows beyond the card and the columns."""
    flaws = [
        {
            "id": flaw.id,
            "label": flaw.label,
            "kernel": flaw.kernel,
            "other": flaw.other,
            "judge": flaw.judge,
            "text": flaw.text,
            "box": flaw.box,
            "judge_verdict": flaw.judge_verdict,
            "scores": [[scores.of(name), _round(v)] for name, v in flaw.scores.items()],
        }
        for flaw in item.flaws
    ]
    names = (
        "message", "licence", "origin", "creator", "title", "file", "overall", "clean", "author",
        "caption",
    )  # fmt: skip
    return {
        "flaws": flaws,
        "photo": item.pictures[0],
        "size": [item.width, item.height],
        "box": item.box,
        "region": item.region,
        "taken_out": item.taken_out,
        **{name: getattr(item, name) for name in names},
    }


def _round(value: float) -> float:
    """Round to five significant digits, which is more than anybody reads."""
    return round(value, 4 - math.floor(math.log10(abs(value)))) if value else 0.0
