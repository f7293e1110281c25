"""Pictures as a model is shown them: the place of a flaw cut out, marked, and small enough."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from stages.records.documents import Box, Variant, Window
from stages.records.images import Image, write_png
from stages.records.masks import Mask, bounding_box, from_grid

SIDE = 768
"""Longest side of a picture that is sent, in pixels."""
LEAST = 224
"""Shortest side of a cut-out, where the photo has as much."""
ROOM = 0.75
"""Surroundings on each side of the region, as a share of its longer side."""
RED = (255, 0, 0)


def region(variant: Variant, window: Window, shape: tuple[int, int]) -> Box:
    """Bounding box of a variant's targets in a photo of `shape` (H, W)."""
    tokens: Mask = np.zeros(window.grid, dtype=bool)
    tokens.ravel()[variant.targets] = True
    return bounding_box(from_grid(tokens, window.box, shape))


def surroundings(box: Box, shape: tuple[int, int]) -> Box:
    """`box` with room around it, inside a photo of `shape` (H, W)."""
    x0, y0, x1, y1 = box
    room = round(ROOM * max(x1 - x0, y1 - y0))
    left, right = _span(x0 - room, x1 + room, shape[1])
    top, bottom = _span(y0 - room, y1 + room, shape[0])
    return left, top, right, bottom


def _span(low: int, high: int, size: int) -> tuple[int, int]:
    """An interval of at least `LEAST` pixels around [low, high), moved and cut into [0, size)."""
    lack = max(0, LEAST - (high - low))
    low, high = low - lack // 2, high + lack - lack // 2
    low, high = (0, high - low) if low < 0 else (low, high)
    low, high = (low - (high - size), size) if high > size else (low, high)
    return max(0, low), high


def cut(image: Image, box: Box) -> Image:
    """The pixels in `box`."""
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def marked(image: Image, box: Box) -> Image:
    """`image` with a red rectangle just outside `box`."""
    picture = Pillow.fromarray(image)
    width = max(2, round(max(image.shape[:2]) / 250))
    x0, y0, x1, y1 = box
    outer = (x0 - width, y0 - width, x1 - 1 + width, y1 - 1 + width)
    ImageDraw.Draw(picture).rectangle(outer, outline=RED, width=width)
    return np.asarray(picture)


def png(image: Image, side: int = SIDE) -> bytes:
    """(H, W, 3) uint8 as a PNG, scaled down to at most `side`."""
    picture = Pillow.fromarray(image)
    picture.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    return write_png(np.asarray(picture))
