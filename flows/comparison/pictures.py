"""Read the pictures of single pairs of a version, and show those that changed side by side."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow

from flows.comparison.arrow import pc
from flows.comparison.pairs import PairChanges
from flows.comparison.versions import PACKAGE, Version
from stages.models.protocols import PerceptualMetric
from stages.records.images import Image, read_png

MAX_SCANNED = 1_000_000
"""Maximum number of entries of a shard that are looked through for a pair."""
VIEW = 288
"""Side of a shown crop in pixels."""


@dataclass(frozen=True)
class Shown:
    """A changed pair as the page shows it."""

    key: str
    aspects: list[str]
    before: str
    """Data URL of the flaw's surroundings in the flawed picture."""
    after: str
    distance: float | None
    """LPIPS between the two, over the whole picture; None if their sizes differ."""
    texts: tuple[str, str]


def show_changed(
    before: Version, after: Version, changes: PairChanges, count: int, metric: PerceptualMetric
) -> Iterator[Shown]:
    """Yield up to `count` changed pairs, those with another picture first."""
    order = _order(changes)[:count]
    keys = [changes.changed[place].as_py() for place in order]
    old, new = (dict(read_pairs(version, keys)) for version in (before, after))
    for place, key in zip(order, keys, strict=True):
        if key in old and key in new:
            yield _compare(key, changes.aspects_of(place), old[key], new[key], metric)


def _order(changes: PairChanges) -> list[int]:
    """Return the positions of all changed pairs, those whose picture changed first."""
    flags = changes.aspects.get("picture", np.zeros(len(changes.changed), dtype=bool))
    return [*np.flatnonzero(flags).tolist(), *np.flatnonzero(~flags).tolist()]


def read_pairs(version: Version, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield the flawed picture and the record of pairs of a version, by member name.

    Only the shards that hold them are opened, and only these members are read.
    """
    rows = version.manifest().read(columns=["pair", "shard"])
    rows = rows.filter(pc.is_in(rows["pair"], value_set=pa.array(list(keys), pa.string())))
    shards: dict[str, set[str]] = {}
    for row in rows.to_pylist():
        shards.setdefault(row["shard"], set()).add(row["pair"])
    for shard, wanted in sorted(shards.items()):
        file = version.files.open(f"{PACKAGE}/{shard}")
        if file is not None:
            with file:
                yield from _read_members(file, wanted)


def _read_members(file: IO[bytes], wanted: set[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for number, info in enumerate(tar):
            key, _, member = info.name.partition(".")
            if key in wanted and member in ("artifact.png", "json") and info.isreg():
                content = tar.extractfile(info)
                found.setdefault(key, {})[member] = content.read() if content else b""
            if number >= MAX_SCANNED or (
                len(found) == len(wanted) and all(len(m) == 2 for m in found.values())
            ):
                break
    yield from found.items()


def _compare(
    key: str,
    aspects: list[str],
    before: dict[str, bytes],
    after: dict[str, bytes],
    metric: PerceptualMetric,
) -> Shown:
    records = [json.loads(members["json"]) for members in (before, after)]
    pictures = [read_png(members["artifact.png"]) for members in (before, after)]
    same_size = pictures[0].shape == pictures[1].shape
    views = [_view(picture, record) for picture, record in zip(pictures, records, strict=True)]
    texts = [" ".join(flaw["text"] for flaw in record["flaws"]) for record in records]
    return Shown(
        key=key,
        aspects=aspects,
        before=views[0],
        after=views[1],
        distance=metric.distance(*pictures) if same_size else None,
        texts=(texts[0], texts[1]),
    )


def _view(picture: Image, record: dict[str, Any]) -> str:
    """Cut out the flaws with their surroundings; return a data URL."""
    x0, y0, x1, y1 = record["edit_box"]
    margin = max(x1 - x0, y1 - y0) // 4
    height, width = picture.shape[:2]
    crop = picture[
        max(0, y0 - margin) : min(height, y1 + margin),
        max(0, x0 - margin) : min(width, x1 + margin),
    ]
    view = Pillow.fromarray(crop)
    view.thumbnail((VIEW, VIEW))
    file = io.BytesIO()
    view.save(file, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
