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
from math import prod
from typing import Literal

from stages.records.documents import Box

LOWEST_LIMIT = 256 * 256
"""Minimum of `max_pixels`: below, flaws are no longer visible."""


@dataclass(frozen=True)
class Target:
    """A family of models."""

    factor: int
    """Sides of pictures are multiples of this."""
    boxes: Literal["pixels", "thousandths"]
    """``pixels`` of the resized picture, or shares of it times 1000."""
    min_pixels: int = 0
    """Minimum that the released processors enlarge a picture to (``shortest_edge``)."""
    max_pixels: int = 512 * 512
    """Default of the limit on pixels per picture; the recipe of ArtiAgent's tuned models."""
    tile: int = 0
    """Side of the square tiles that the model cuts pictures into; 0 = it does not."""

    @property
    def lowest_limit(self) -> int:
        """Minimum of `max_pixels`: twice the minimum, so that rounding sides stays between both."""
        return max(LOWEST_LIMIT, 2 * self.min_pixels)


TARGETS = {
    "qwen2.5-vl": Target(factor=28, boxes="pixels", min_pixels=56 * 56),
    "qwen3-vl": Target(factor=32, boxes="thousandths", min_pixels=256 * 256),
    "internvl": Target(factor=1, boxes="thousandths", tile=448),
}
_TILE_TOKENS = 256


def find_size(width: int, height: int, target: Target, max_pixels: int) -> tuple[int, int]:
    """Return the width and height at which the model sees a picture.

    For Qwen's models the rule is ``smart_resize`` of transformers' image processors: sides are
    multiples of the factor, their product is between the target's minimum and `max_pixels`. For
    models that cut tiles the picture is only scaled down to `max_pixels`.

    Raises:
        ValueError: a side is more than 200 times the other, or `max_pixels` is less than
            `Target.lowest_limit`.
    """
    if max_pixels < target.lowest_limit:
        raise ValueError(f"max_pixels is {max_pixels}, must be at least {target.lowest_limit}")
    if target.tile:
        share = min(1.0, math.sqrt(max_pixels / (width * height)))
        return max(1, int(width * share)), max(1, int(height * share))
    rows, columns = _smart_resize()(height, width, target.factor, target.min_pixels, max_pixels)
    return columns, rows


@cache
def _smart_resize() -> Callable[[int, int, int, int, int], tuple[int, int]]:
    from stages.models.networks import torchvision_import  # torch takes a second

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


def count_tiles(target: Target, max_pixels: int) -> int:
    """Return how many tiles hold at most `max_pixels` pixels; at least one."""
    return max(1, max_pixels // target.tile**2)


def count_tokens(size: tuple[int, int], target: Target, max_pixels: int) -> int:
    """Count the tokens that the model spends on a picture of `size` (width, height).

    A model that cuts tiles is assumed to use at most `count_tiles` of them, arranged as InternVL
    does: in the shape nearest to the picture's, with a thumbnail of the whole if there are several.
    """
    width, height = size
    if not target.tile:
        return (width // target.factor) * (height // target.factor)
    side = target.tile
    tiles = prod(
        _arrange_tiles()((height, width), (side, side), 1, count_tiles(target, max_pixels))
    )
    return _TILE_TOKENS * (tiles + (tiles > 1))


@cache
def _arrange_tiles() -> Callable[[tuple[int, int], tuple[int, int], int, int], tuple[int, int]]:
    from stages.models.networks import torchvision_import  # torch takes a second

    torchvision_import.prepare()
    from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas

    return get_optimal_tiled_canvas
