"""Read training photos from WebDataset shards into memory, split them by key, cut crops."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

EVALUATION_SOURCES = frozenset({"Debian plasma-workspace-data"})
"""Sources of flawfactory's sample photos, which are never trained on."""

HELD_OUT_OF_256 = 9
"""Photos whose key's first byte is below this are held out (9/256, about 150 of 4251)."""

MAX_PIXELS = 64_000_000


@dataclass(frozen=True)
class Photo:
    """A decoded photo: (H, W, 3) uint8 RGB pixels with its key, source and licence."""

    key: str
    source: str
    licence: str
    pixels: np.ndarray


def _members(shard: Path) -> Iterator[tuple[str, dict[str, str], bytes]]:
    parts: dict[str, dict[str, bytes]] = {}
    with tarfile.open(shard) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None:
                continue
            key, _, extension = member.name.partition(".")
            sample = parts.setdefault(key, {})
            sample[extension] = stream.read()
            if "json" in sample and "webp" in sample:
                yield key, json.loads(sample["json"]), sample["webp"]
                del parts[key]


def _decode(item: tuple[str, dict[str, str], bytes]) -> Photo:
    key, info, data = item
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"{key}: {image.width}x{image.height} is over {MAX_PIXELS} pixels")
        pixels = np.asarray(image.convert("RGB"))
    return Photo(key, info["source"], info["licence"], pixels)


def load_photos(folder: Path) -> list[Photo]:
    """Load all photos of the folder's `*.tar` shards, decoded, sorted by key.

    Members are read in memory, nothing is extracted. Takes about 2.3 GB for 4251 photos with a
    short side of 384 px. Raises FileNotFoundError if the folder contains no shard.
    """
    shards = sorted(folder.glob("*.tar"))
    if not shards:
        raise FileNotFoundError(f"no .tar shard in {folder}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        photos = [photo for shard in shards for photo in pool.map(_decode, _members(shard))]
    return sorted(photos, key=lambda photo: photo.key)


def is_held_out(key: str) -> bool:
    """Whether the photo with this key (hex digits) is held out for evaluation."""
    return int(key[:2], 16) < HELD_OUT_OF_256


def split(photos: list[Photo]) -> tuple[list[Photo], list[Photo], list[Photo]]:
    """Split into (train, held-out, evaluation sources), by key and source only; disjoint."""
    samples = [photo for photo in photos if photo.source in EVALUATION_SOURCES]
    rest = [photo for photo in photos if photo.source not in EVALUATION_SOURCES]
    train = [photo for photo in rest if not is_held_out(photo.key)]
    held_out = [photo for photo in rest if is_held_out(photo.key)]
    return train, held_out, samples


def random_crop(
    pixels: np.ndarray, size: int, scales: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """Cut a (size, size, 3) uint8 crop at a random scale, mirrored half of the time.

    The scale is 1 for 40 % of the crops, else log-uniform in `scales`; it is raised if the photo
    would be smaller than the crop.
    """
    height, width = pixels.shape[:2]
    scale = float(np.exp(rng.uniform(*np.log(scales))))
    if rng.random() < 0.4:
        scale = 1.0
    scale = max(scale, size / min(height, width))
    side = size / scale
    top, left = rng.uniform(0, height - side), rng.uniform(0, width - side)
    if scale == 1.0:
        y, x = int(top), int(left)
        crop = pixels[y : y + size, x : x + size]
    else:
        box = (left, top, min(left + side, width), min(top + side, height))
        image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box)
        crop = np.asarray(image)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def center_crop(pixels: np.ndarray, size: int) -> np.ndarray:
    """Cut the central (size, size, 3) crop, enlarging a photo that is smaller."""
    height, width = pixels.shape[:2]
    scale = max(1.0, size / min(height, width))
    if scale > 1.0:
        shape = (max(size, round(width * scale)), max(size, round(height * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(shape, Image.Resampling.BICUBIC))
        height, width = pixels.shape[:2]
    y, x = (height - size) // 2, (width - size) // 2
    return pixels[y : y + size, x : x + size]
