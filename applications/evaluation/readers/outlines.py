"""Polygons and run lengths to masks, with limits that untrusted labels cannot pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco

from applications.evaluation.example import Polygon, Size
from applications.evaluation.readers.files import BadLabel, parse_numbers, parse_object
from applications.protocols import Box
from stages.records import masks
from stages.records.documents import Rle
from stages.records.masks import Mask

_MAX_POINTS = 100_000
"""Maximum number of points of a polygon."""
_MAX_COUNTS = 50_000_000
"""Maximum length of run lengths."""


def parse_polygon(numbers: object) -> Polygon:
    """Return x0, y0, x1, y1, ... of at least three points.

    Raises:
        BadLabel: it is no polygon.
    """
    found = parse_numbers(numbers)
    if len(found) < 6 or len(found) % 2 or len(found) > 2 * _MAX_POINTS:
        raise BadLabel(f"a polygon of {len(found)} numbers")
    return tuple(found)


def bounds(polygons: Sequence[Polygon]) -> Box:
    """Return the bounds of polygons.

    Raises:
        BadLabel: they have no area.
    """
    xs = [x for polygon in polygons for x in polygon[::2]]
    ys = [y for polygon in polygons for y in polygon[1::2]]
    if min(xs) >= max(xs) or min(ys) >= max(ys):
        raise BadLabel("a polygon has no area")
    return min(xs), min(ys), max(xs), max(ys)


def draw_polygons(polygons: Sequence[Polygon], size: Size) -> Mask:
    """Draw the union of polygons: (H, W) of a picture of (width, height). What is outside the
    picture is cut."""
    width, height = size
    cut = [
        np.clip(np.reshape(polygon, (-1, 2)), 0, [width, height]).ravel().tolist()
        for polygon in polygons
    ]
    if not cut:
        return np.zeros((height, width), dtype=bool)
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(cut, height, width)))) > 0


def parse_run_lengths(value: object) -> Rle:
    """Return COCO's run lengths, whose counts are a list or COCO's compressed text.

    The text is read here and not by pycocotools, which trusts its counts.

    Raises:
        BadLabel: they are none, or do not add up to their size.
    """
    value = parse_object(value, "run lengths")
    height, width = (int(n) for n in parse_numbers(value.get("size"), 2))
    counts = value.get("counts")
    if isinstance(counts, str):
        found = _decompress(counts)
    else:
        found = [int(n) for n in parse_numbers(counts)]
    if not (0 < width * height <= _MAX_COUNTS and min(found, default=-1) >= 0):
        raise BadLabel("run lengths without a size, or with a negative count")
    if sum(found) != width * height:
        raise BadLabel(f"run lengths sum to {sum(found)}, their size is {width} x {height}")
    return Rle(size=(height, width), counts=found)


def _decompress(text: str) -> list[int]:
    """Decode COCO's text: five bits a character, a count less the last but one from the fourth."""
    counts: list[int] = []
    value = shift = 0
    for character in text[:_MAX_COUNTS]:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise BadLabel("run lengths with a character that COCO's text does not have")
        value |= (code & 0x1F) << shift
        shift += 5
        if shift > 40:
            raise BadLabel("run lengths with a count that is too large")
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts


def draw_run_lengths(lengths: Sequence[Rle], size: Size) -> Mask:
    """Draw the union of run lengths: (H, W) of a picture of (width, height).

    Raises:
        ValueError: they are of another size.
    """
    mask = np.zeros(size[::-1], dtype=bool)
    for length in lengths:
        if tuple(length.size) != mask.shape:
            raise ValueError(f"a mask of {length.size[::-1]} for a picture of {size}")
        mask |= masks.decode(length)
    return mask
