"""How a family of models resizes pictures and writes boxes.

A model that resizes the picture but was trained on boxes of the original learns shifted boxes: the
most reported fault of such data (docs/exports.md lists the reports). Exported pictures therefore
have the size that the model would give them, and boxes are written in the model's convention for
that size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from stages.records.documents import Box

MIN_PIXELS = 56 * 56


@dataclass(frozen=True)
class Target:
    """A family of models."""

    factor: int
    """Sides of pictures are multiples of this."""
    boxes: Literal["pixels", "thousandths"]
    """``pixels`` of the resized picture, or shares of it times 1000."""
    max_pixels: int = 512 * 512
    """Default of the limit on pixels per picture; the recipe of ArtiAgent's tuned models."""
    tile: int = 0
    """Side of the square tiles that the model cuts pictures into; 0 = it does not."""
    max_tiles: int = 12


TARGETS = {
    "qwen2.5-vl": Target(factor=28, boxes="pixels"),
    "qwen3-vl": Target(factor=32, boxes="thousandths"),
    "internvl": Target(factor=1, boxes="thousandths", tile=448),
}
MAX_RATIO = 200
"""Qwen's processors refuse pictures whose sides differ by more."""
_TILE_TOKENS = 256


def find_size(width: int, height: int, target: Target, max_pixels: int) -> tuple[int, int]:
    """Return the width and height at which the model sees a picture.

    Qwen's rule (``smart_resize`` of its image processors): sides rounded to multiples of the
    factor; if that is more than `max_pixels`, both scaled down by the same share and rounded down;
    if less than `MIN_PIXELS`, scaled up and rounded up. For models that cut tiles the picture is
    only scaled down to `max_pixels`.

    Raises:
        ValueError: the sides differ by more than `MAX_RATIO`, or `max_pixels` is too small.
    """
    if max_pixels < max(MIN_PIXELS, target.factor**2):
        raise ValueError(f"max_pixels {max_pixels} is less than {MIN_PIXELS}")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise ValueError(f"a picture of {width} x {height}: sides may differ by {MAX_RATIO} times")
    if target.tile:
        share = min(1.0, math.sqrt(max_pixels / (width * height)))
        return max(1, int(width * share)), max(1, int(height * share))
    factor = target.factor
    wide, high = (max(factor, round(side / factor) * factor) for side in (width, height))
    if wide * high > max_pixels:
        scale = math.sqrt(width * height / max_pixels)
        wide, high = (
            max(factor, math.floor(side / scale / factor) * factor) for side in (width, height)
        )
    elif wide * high < MIN_PIXELS:
        scale = math.sqrt(MIN_PIXELS / (width * height))
        wide, high = (math.ceil(side * scale / factor) * factor for side in (width, height))
    return wide, high


def write_box(box: Box, size: tuple[int, int], target: Target) -> list[int]:
    """Write a half-open box of a picture of `size` (width, height) in the model's convention."""
    if target.boxes == "pixels":
        return list(box)
    return [round(1000 * side / size[i % 2]) for i, side in enumerate(box)]


def read_box(numbers: list[int], size: tuple[int, int], target: Target) -> Box:
    """Return the box in pixels that `write_box` wrote."""
    if target.boxes == "pixels":
        x0, y0, x1, y1 = numbers
    else:
        x0, y0, x1, y1 = (round(n * size[i % 2] / 1000) for i, n in enumerate(numbers))
    return x0, y0, x1, y1


def count_tokens(size: tuple[int, int], target: Target) -> int:
    """Estimate how many tokens the model spends on a picture of `size` (width, height)."""
    width, height = size
    if not target.tile:
        return (width // target.factor) * (height // target.factor)
    tiles = min(target.max_tiles, math.ceil(width / target.tile) * math.ceil(height / target.tile))
    return _TILE_TOKENS * (tiles + (tiles > 1))  # and a thumbnail of the whole
