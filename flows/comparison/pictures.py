"""Read the pictures of single pairs of a version, and show those that changed side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, get_args

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow

from flows.comparison.arrow import pc
from flows.comparison.pairs import PairChanges
from flows.comparison.versions import PACKAGE, Version
from flows.exports.samples import parse_record
from flows.published.shards import check_shard_name, naming_damage, stream
from stages.engine.storage.shard import group_entries, join_members
from stages.engine.workspace import FactoryError
from stages.models.protocols import PerceptualMetric
from stages.package.members import RECORD, ImageFormat, get_picture, member_name
from stages.package.pair import PublishedPair
from stages.records.images import Image, read_picture

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


@dataclass(frozen=True)
class Pair:
    """A pair of a version."""

    record: PublishedPair
    picture: Image
    """The flawed picture, (H, W, 3)."""


def read_pairs(version: Version, keys: Sequence[str]) -> Iterator[tuple[str, Pair]]:
    """Yield pairs of a version by key; only the shards that hold them are opened.

    Raises:
        FactoryError: a shard, or a member of one of the pairs, is damaged.
    """
    manifest = version.manifest()
    members = sum(name.startswith("sha256.") for name in manifest.schema_arrow.names)
    rows = manifest.read(columns=["pair", "shard"])
    counts = pc.value_counts(rows["shard"]).to_pylist()
    sizes = {count["values"]: count["counts"] for count in counts}
    rows = rows.filter(pc.is_in(rows["pair"], value_set=pa.array(list(keys), pa.string())))
    shards: dict[str, set[str]] = {}
    for row in rows.to_pylist():
        shards.setdefault(row["shard"], set()).add(row["pair"])
    for shard, wanted in sorted(shards.items()):
        file = version.files.open(f"{PACKAGE}/{check_shard_name(shard)}")
        if file is not None:
            name = f"{shard} of {version.name}"
            with naming_damage(name), file:
                yield from _read_pairs(file, name, wanted, members * sizes[shard])


def _read_pairs(
    file: IO[bytes], name: str, wanted: set[str], limit: int
) -> Iterator[tuple[str, Pair]]:
    """Yield the wanted pairs of a shard of at most `limit` entries, until all are found."""
    names = {RECORD, *(member_name("artifact", kind) for kind in get_args(ImageFormat))}

    def is_needed(entry: str) -> bool:
        key, _, member = entry.partition(".")
        return key in wanted and member in names

    for key, entries in group_entries(stream(file, limit, is_needed)):
        members = join_members(entries)
        if key in wanted:
            record = parse_record(members.get(RECORD, b""), f"{name}: {key}")
            size = record.width, record.height
            yield key, Pair(record, read_picture(get_picture(members, "artifact"), size))
            wanted.remove(key)
        if not wanted:
            return


def _compare(
    key: str, aspects: list[str], before: Pair, after: Pair, metric: PerceptualMetric
) -> Shown:
    same_size = before.picture.shape == after.picture.shape
    texts = [" ".join(flaw.text for flaw in pair.record.flaws) for pair in (before, after)]
    return Shown(
        key=key,
        aspects=aspects,
        before=_view(before),
        after=_view(after),
        distance=metric.distance(before.picture, after.picture) if same_size else None,
        texts=(texts[0], texts[1]),
    )


def _view(pair: Pair) -> str:
    """Cut out the flaws with their surroundings; return a data URL."""
    height, width = pair.picture.shape[:2]
    x0, y0, x1, y1 = pair.record.edit_box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise FactoryError(f"{pair.record.pair}: edit_box is not inside the picture")
    margin = max(x1 - x0, y1 - y0) // 4
    crop = pair.picture[
        max(0, y0 - margin) : min(height, y1 + margin),
        max(0, x0 - margin) : min(width, x1 + margin),
    ]
    view = Pillow.fromarray(crop)
    view.thumbnail((VIEW, VIEW))
    file = io.BytesIO()
    view.save(file, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
