"""Read the pictures of single pairs of a version, and show them side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, get_args

import cv2
import numpy as np
import pyarrow as pa
from PIL import Image as Pillow

from flows.comparison.arrow import pc
from flows.comparison.pairs import PairChanges, aspect_of
from flows.comparison.versions import PACKAGE, Version
from flows.exports.samples import parse_record
from flows.published.shards import check_shard_name, naming_damage, stream
from stages.engine.storage.shard import group_entries, join_members
from stages.models.protocols import PerceptualMetric
from stages.package.members import RECORD, ImageFormat, get_picture, member_name
from stages.package.pair import PublishedPair
from stages.records.images import Image, read_mask, read_picture
from stages.records.masks import Mask

VIEW = 288
"""Side of a shown crop in pixels."""
_MEMBERS = frozenset(
    {
        RECORD,
        member_name("mask"),
        *(member_name("artifact", kind) for kind in get_args(ImageFormat)),
    }
)
_OUTLINE = (255, 176, 0)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Side:
    """A pair in one version."""

    picture: str
    """Data URL of the flaws' surroundings in the flawed picture."""
    mask: str
    """The same with the outline of the mask."""
    text: str


@dataclass(frozen=True)
class Values:
    """A column of the manifest in which a flaw differs."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Shown:
    """A pair as the page shows it."""

    key: str
    aspects: list[str]
    """What changed; empty for a pair that one version does not have."""
    sides: tuple[Side | None, Side | None]
    """Before and after; None if the version does not have it."""
    distance: float | None = None
    """LPIPS between the two shown crops; None if there are not two of one size."""
    values: tuple[Values, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Pair:
    """A pair of a version."""

    record: PublishedPair
    picture: Image
    """The flawed picture, (H, W, 3)."""
    mask: Mask
    """(H, W), True where the flaws are."""


def show_changed(
    before: Version, after: Version, changes: PairChanges, count: int, metric: PerceptualMetric
) -> Iterator[Shown]:
    """Yield up to `count` changed pairs, those with another picture first."""
    order = _order(changes)[:count]
    keys = [changes.changed[place].as_py() for place in order]
    old, new = (dict(read_pairs(version, keys)) for version in (before, after))
    rows = [_read_rows(version, keys, changes) for version in (before, after)]
    for place, key in zip(order, keys, strict=True):
        if key in old and key in new:
            values = _find_values(key, rows[0], rows[1])
            yield _compare(key, changes.aspects_of(place), old[key], new[key], values, metric)


def show_lone(version: Version, keys: Sequence[str], is_before: bool) -> Iterator[Shown]:
    """Yield pairs that only `version` has, the earlier or the later one of the two."""
    for key, pair in read_pairs(version, keys):
        side = _make_side(pair, _surround(pair.record.edit_box, pair.picture))
        yield Shown(key, [], (side, None) if is_before else (None, side))


def _order(changes: PairChanges) -> list[int]:
    """Return the positions of all changed pairs, those whose picture changed first."""
    flags = changes.aspects.get("picture", np.zeros(len(changes.changed), dtype=bool))
    return [*np.flatnonzero(flags).tolist(), *np.flatnonzero(~flags).tolist()]


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

    def is_needed(entry: str) -> bool:
        key, _, member = entry.partition(".")
        return key in wanted and member in _MEMBERS

    for key, entries in group_entries(stream(file, limit, is_needed)):
        members = join_members(entries)
        if key in wanted:
            yield key, _decode(members, f"{name}: {key}")
            wanted.remove(key)
        if not wanted:
            return


def _decode(members: Mapping[str, bytes], where: str) -> Pair:
    record = parse_record(members.get(RECORD, b""), where)
    size = record.width, record.height
    x0, y0, x1, y1 = record.edit_box
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise ValueError(f"edit_box of {record.pair} is not inside the picture")
    picture = read_picture(get_picture(members, "artifact"), size)
    return Pair(record, picture, read_mask(get_picture(members, "mask"), size))


def _read_rows(
    version: Version, keys: Sequence[str], changes: PairChanges
) -> dict[tuple[str, str], dict[str, Any]]:
    """Read the columns that differ between the versions, by pair and variant; no digests of files,
    which say nothing to a reader."""
    columns = [c for c in changes.columns if aspect_of(c) and not c.startswith("sha256.")]
    table = version.manifest().read(columns=["pair", "variant", *columns])
    table = table.filter(pc.is_in(table["pair"], value_set=pa.array(list(keys), pa.string())))
    return {(row["pair"], row["variant"]): row for row in table.to_pylist()}


def _find_values(
    key: str,
    before: Mapping[tuple[str, str], dict[str, Any]],
    after: Mapping[tuple[str, str], dict[str, Any]],
) -> tuple[Values, ...]:
    """Return what differs in the rows of a pair, flaw by flaw."""
    found = []
    for pair, variant in after:
        if pair == key and (old := before.get((pair, variant))):
            new = after[pair, variant]
            found += [
                Values(f"{variant} {name}", _format(old[name]), _format(new[name]))
                for name in new
                if old[name] != new[name]
            ]
    return tuple(found)


def _format(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _compare(
    key: str,
    aspects: list[str],
    before: Pair,
    after: Pair,
    values: tuple[Values, ...],
    metric: PerceptualMetric,
) -> Shown:
    """Show both sides; the crop is the same if the pictures are of one size."""
    boxes = [_surround(p.record.edit_box, p.picture) for p in (before, after)]
    distance = None
    if before.picture.shape == after.picture.shape:
        x0, y0, x1, y1 = box = _join(*boxes)
        boxes = [box, box]
        crops = [p.picture[y0:y1, x0:x1] for p in (before, after)]
        distance = 0.0 if np.array_equal(crops[0], crops[1]) else metric.distance(*crops)
    sides = _make_side(before, boxes[0]), _make_side(after, boxes[1])
    return Shown(key, aspects, sides, distance, values)


def _surround(box: Sequence[int], picture: Image) -> Box:
    """Return a box with a margin of a quarter of its longer side, within the picture."""
    x0, y0, x1, y1 = box
    margin = max(x1 - x0, y1 - y0) // 4
    height, width = picture.shape[:2]
    return (
        max(0, x0 - margin),
        max(0, y0 - margin),
        min(width, x1 + margin),
        min(height, y1 + margin),
    )


def _join(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _make_side(pair: Pair, box: Box) -> Side:
    x0, y0, x1, y1 = box
    crop, mask = pair.picture[y0:y1, x0:x1], pair.mask[y0:y1, x0:x1]
    outlined = _shrink(crop).copy()
    size = outlined.shape[1::-1]
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outlined, lines, -1, _OUTLINE, 1)
    text = " ".join(flaw.text for flaw in pair.record.flaws)
    return Side(_encode(_shrink(crop)), _encode(outlined), text)


def _shrink(crop: Image) -> Image:
    view = Pillow.fromarray(crop)
    view.thumbnail((VIEW, VIEW))
    return np.asarray(view)


def _encode(view: Image) -> str:
    """Return a data URL."""
    file = io.BytesIO()
    Pillow.fromarray(view).save(file, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
