"""Images for chat models: the region of a flaw is marked, cut out and scaled down."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from stages.records.documents import Box, Variant, Window
from stages.records.images import Image, write_png
from stages.records.masks import Mask, bounding_box, from_grid

SIDE = 768
"""Maximum side of an image that is sent, in pixels."""
MIN_CROP_SIDE = 224
"""Minimum side of a crop in pixels, if the photo is large enough."""
MARGIN = 0.75
"""Surroundings on each side of the region, as a share of its longer side."""
RED = (255, 0, 0)


def region(variant: Variant, window: Window, shape: tuple[int, int]) -> Box:
    """Return the bounding box of a variant's targets in a photo of `shape` (H, W)."""
    tokens: Mask = np.zeros(window.grid, dtype=bool)
    tokens.ravel()[variant.targets] = True
    return bounding_box(from_grid(tokens, window.box, shape))


def surroundings(box: Box, shape: tuple[int, int]) -> Box:
    """Return `box` with a margin, inside a photo of `shape` (H, W)."""
    x0, y0, x1, y1 = box
    margin = round(MARGIN * max(x1 - x0, y1 - y0))
    left, right = _span(x0 - margin, x1 + margin, shape[1])
    top, bottom = _span(y0 - margin, y1 + margin, shape[0])
    return left, top, right, bottom


def _span(low: int, high: int, size: int) -> tuple[int, int]:
    """Widen [low, high) to at least `MIN_CROP_SIDE` pixels, shifted and clipped to [0, size)."""
    missing = max(0, MIN_CROP_SIDE - (high - low))
    low, high = low - missing // 2, high + missing - missing // 2
    low, high = (0, high - low) if low < 0 else (low, high)
    low, high = (low - (high - size), size) if high > size else (low, high)
    return max(0, low), high


def cut(image: Image, box: Box) -> Image:
    """Return the pixels in `box`."""
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def mark_box(image: Image, box: Box) -> Image:
    """Return a copy of `image` with a red rectangle just outside `box`."""
    picture = Pillow.fromarray(image)
    width = max(2, round(max(image.shape[:2]) / 250))
    x0, y0, x1, y1 = box
    outer = (x0 - width, y0 - width, x1 - 1 + width, y1 - 1 + width)
    ImageDraw.Draw(picture).rectangle(outer, outline=RED, width=width)
    return np.asarray(picture)


def png(image: Image, side: int = SIDE) -> bytes:
    """Encode (H, W, 3) uint8 as a PNG, scaled down to at most `side` pixels."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    return write_png(np.asarray(picture))
