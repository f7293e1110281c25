"""Distortions of pixels in a crop: stand-ins for flaws where no build is at hand."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter

from stages.records.images import Image


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Smear the crop."""
    radius = rng.uniform(1, 4)
    return np.asarray(Pillow.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def jitter(image: Image, rng: np.random.Generator, block: int = 8) -> Image:
    """Replace each block by one from nearby."""
    out, (height, width) = image.copy(), image.shape[:2]
    for y in range(0, height - block + 1, block):
        for x in range(0, width - block + 1, block):
            dy, dx = rng.normal(0, block, 2).round().astype(int)
            top, left = np.clip([y + dy, x + dx], 0, [height - block, width - block])
            out[y : y + block, x : x + block] = image[top : top + block, left : left + block]
    return out


def mirror(image: Image, rng: np.random.Generator) -> Image:
    """Turn the crop over: other content of the same kind."""
    return np.flip(image, axis=int(rng.integers(0, 2)))


def strip(image: Image, rng: np.random.Generator) -> Image:
    """Shift bands of rows sideways."""
    out, height = image.copy(), int(rng.integers(4, 12))
    for y in range(0, len(image), height):
        out[y : y + height] = np.roll(image[y : y + height], int(rng.integers(-12, 13)), axis=1)
    return out


def swirl(image: Image, rng: np.random.Generator) -> Image:
    """Turn the middle of the crop."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width] - np.reshape([height / 2, width / 2], (2, 1, 1))
    reach = np.clip(1 - np.hypot(y, x) / (min(height, width) / 2), 0, None)
    angle = rng.uniform(0.5, 2.5) * reach
    rows = (height / 2 + y * np.cos(angle) - x * np.sin(angle)).round().astype(int)
    columns = (width / 2 + y * np.sin(angle) + x * np.cos(angle)).round().astype(int)
    return image[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]


DISTORTIONS = (blur, jitter, mirror, strip, swirl)
