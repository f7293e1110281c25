"""Work windows: scales photo pixels to model pixels and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from stages.records.documents import Box, Window
from stages.records.images import Image


def cut(photo: Image, window: Window) -> Image:
    """Cut the window out of the photo at the model's size, (H, W, 3) uint8 (Lanczos).

    At scale 1:1 the pixels are unchanged.

    Raises:
        ValueError: the box leaves the photo or is empty.
    """
    x0, y0, x1, y1 = window.box
    height, width = photo.shape[:2]
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(f"window {window.id} {window.box} leaves the photo of {width} x {height}")
    piece = photo[y0:y1, x0:x1]
    if (x1 - x0, y1 - y0) == window.size:
        return piece.copy()
    return np.asarray(Pillow.fromarray(piece).resize(window.size, Pillow.Resampling.LANCZOS))


def resize(planes: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Scale (H, W, C) float32 from the model's size to the box's size in photo pixels (Lanczos)."""
    size = (box[2] - box[0], box[3] - box[1])
    if (planes.shape[1], planes.shape[0]) == size:
        return planes
    channels = [
        Pillow.fromarray(np.ascontiguousarray(planes[..., c])).resize(
            size, Pillow.Resampling.LANCZOS
        )
        for c in range(planes.shape[2])
    ]
    return np.stack([np.asarray(channel, dtype=np.float32) for channel in channels], axis=-1)
