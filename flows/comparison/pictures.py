"""Read the pictures of single pairs of a version, and show them side by side."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image as Pillow

from flows.comparison.arrow import pc
from flows.comparison.pairs import PairChanges, aspect_of
from flows.comparison.versions import PACKAGE, Version
from flows.exports.samples import parse_record
from flows.published.shards import MAX_MEMBER_BYTES
from stages.engine.workspace import FactoryError
from stages.models.protocols import PerceptualMetric
from stages.package.pair import PublishedPair
from stages.records.images import Image, read_mask, read_png

MAX_SCANNED = 1_000_000
"""Maximum number of entries of a shard that are looked through for a pair."""
VIEW = 288
"""Side of a shown crop in pixels."""
_MEMBERS = ("artifact.png", "mask.png", "json")
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
class _Pair:
    record: PublishedPair
    picture: Image
    mask: NDArray[np.bool_]


def show_changed(
    before: Version, after: Version, changes: PairChanges, count: int, metric: PerceptualMetric
) -> Iterator[Shown]:
    """Yield up to `count` changed pairs, those with another picture first."""
    order = _order(changes)[:count]
    keys = [changes.changed[place].as_py() for place in order]
    old, new = (_read(version, keys) for version in (before, after))
    rows = [_read_rows(version, keys, changes) for version in (before, after)]
    for place, key in zip(order, keys, strict=True):
        if key in old and key in new:
            values = _find_values(key, rows[0], rows[1])
            yield _compare(key, changes.aspects_of(place), old[key], new[key], values, metric)


def show_lone(version: Version, keys: Sequence[str], is_before: bool) -> Iterator[Shown]:
    """Yield pairs that only `version` has, the earlier or the later one of the two."""
    for key, pair in _read(version, keys).items():
        side = _make_side(pair, _surround(pair.record.edit_box, pair.picture))
        yield Shown(key, [], (side, None) if is_before else (None, side))


def _order(changes: PairChanges) -> list[int]:
    """Return the positions of all changed pairs, those whose picture changed first."""
    flags = changes.aspects.get("picture", np.zeros(len(changes.changed), dtype=bool))
    return [*np.flatnonzero(flags).tolist(), *np.flatnonzero(~flags).tolist()]


def _read(version: Version, keys: Sequence[str]) -> dict[str, _Pair]:
    """Read and decode pairs.

    Raises:
        FactoryError: one is damaged.
    """
    found = {}
    for key, members in read_pairs(version, keys):
        where = f"{key} of {version.name}"
        record = parse_record(members.get("json", b""), where)
        size = record.width, record.height
        try:
            picture = read_png(members.get("artifact.png", b""), size)
            found[key] = _Pair(record, picture, read_mask(members.get("mask.png", b""), size))
        except (OSError, ValueError) as error:
            raise FactoryError(f"{where} is damaged: {error}") from error
    return found


def read_pairs(version: Version, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield flawed picture, mask and record of pairs of a version, by member name.

    Only the shards that hold them are opened, and only these members are read.
    """
    rows = version.manifest().read(columns=["pair", "shard"])
    rows = rows.filter(pc.is_in(rows["pair"], value_set=pa.array(list(keys), pa.string())))
    shards: dict[str, set[str]] = {}
    for row in rows.to_pylist():
        if "/" not in row["shard"]:  # stays inside the folder
            shards.setdefault(row["shard"], set()).add(row["pair"])
    for shard, wanted in sorted(shards.items()):
        file = version.files.open(f"{PACKAGE}/{shard}")
        if file is not None:
            with file:
                try:
                    yield from _read_members(file, wanted)
                except tarfile.TarError as error:
                    raise FactoryError(f"{shard} of {version.name} is damaged: {error}") from error


def _read_members(file: IO[bytes], wanted: set[str]) -> Iterator[tuple[str, dict[str, bytes]]]:
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for number, info in enumerate(tar):
            key, _, member = info.name.partition(".")
            is_wanted = key in wanted and member in _MEMBERS and info.isreg()
            if is_wanted and info.size <= MAX_MEMBER_BYTES:
                content = tar.extractfile(info)
                found.setdefault(key, {})[member] = content.read() if content else b""
            if number >= MAX_SCANNED or (
                len(found) == len(wanted) and all(len(m) == len(_MEMBERS) for m in found.values())
            ):
                break
    yield from found.items()


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
    before: _Pair,
    after: _Pair,
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
    left, top = (min(max(0, low - margin), side - 1) for low, side in ((x0, width), (y0, height)))
    right, bottom = min(width, x1 + margin), min(height, y1 + margin)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _join(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _make_side(pair: _Pair, box: Box) -> Side:
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
