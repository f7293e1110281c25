"""How a family of models resizes pictures and writes boxes.

A model that resizes the picture but was trained on boxes of the original learns shifted boxes: the
most reported fault of such data (docs/exports.md lists the reports). Exported pictures therefore
have the size that the model would give them, and boxes are written in the model's convention for
that size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from stages.models.networks import torchvision_import
from stages.records.documents import Box

MIN_PIXELS = 56 * 56
"""Minimum of Qwen's processors."""
LOWEST_LIMIT = 256 * 256
"""Minimum of `max_pixels`: below, flaws are no longer visible."""


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
_TILE_TOKENS = 256


def find_size(width: int, height: int, target: Target, max_pixels: int) -> tuple[int, int]:
    """Return the width and height at which the model sees a picture.

    For Qwen's models the rule is ``smart_resize`` of transformers' image processors: sides are
    multiples of the factor, their product is between `MIN_PIXELS` and `max_pixels`. For models that
    cut tiles the picture is only scaled down to `max_pixels`.

    Raises:
        ValueError: a side is more than 200 times the other, or `max_pixels` is less than
            `LOWEST_LIMIT`.
    """
    if max_pixels < LOWEST_LIMIT:
        raise ValueError(f"max_pixels is {max_pixels}, must be at least {LOWEST_LIMIT}")
    if target.tile:
        share = min(1.0, math.sqrt(max_pixels / (width * height)))
        return max(1, int(width * share)), max(1, int(height * share))
    rows, columns = _smart_resize()(height, width, target.factor, MIN_PIXELS, max_pixels)
    return columns, rows


@cache
def _smart_resize() -> Callable[[int, int, int, int, int], tuple[int, int]]:
    torchvision_import.prepare()
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    return smart_resize


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
