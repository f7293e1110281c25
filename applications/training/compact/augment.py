"""Change pictures as happens between a generator and a reader; a triplet is changed alike.

Without it a network learns how our own shards were encoded, and finds nothing in pictures that
were resized, compressed or filtered since.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from stages.records.images import Image

Change = Callable[[Image], Image]


def draw_changes(rng: np.random.Generator, strength: float) -> list[Change]:
    """Draw a chain of changes; each is deterministic, so that a triplet's crops are treated alike.

    Args:
        rng: source of randomness.
        strength: factor of every change's probability, 0 (none) to 1.
    """
    changes: list[Change] = []

    def happens(probability: float) -> bool:
        return bool(rng.random() < probability * strength)

    if happens(0.5):
        changes.append(_colour(rng))
    if happens(0.2):
        changes.append(_blur(float(rng.uniform(0.3, 1.5))))
    if happens(0.1):
        changes.append(_sharpen(float(rng.uniform(0.3, 1.0))))
    if happens(0.25):
        changes.append(_rescale(float(rng.uniform(0.5, 0.95)), int(rng.integers(3))))
    if happens(0.15):
        changes.append(_noise(float(rng.uniform(1, 8)), int(rng.integers(2**31))))
    if happens(0.7):
        changes.append(_compress(rng))
    return changes


def _colour(rng: np.random.Generator) -> Change:
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3)
    offset = rng.uniform(-12, 12)
    saturation = rng.uniform(0.6, 1.3)

    def change(picture: Image) -> Image:
        x = picture.astype(np.float32)
        grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
        x = grey[..., None] + (x - grey[..., None]) * np.float32(saturation)
        return np.clip(x * gain.astype(np.float32) + np.float32(offset), 0, 255).astype(np.uint8)

    return change


def _blur(sigma: float) -> Change:
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def _sharpen(amount: float) -> Change:
    def change(picture: Image) -> Image:
        soft = cv2.GaussianBlur(picture, (0, 0), 1.0)
        return np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0), np.uint8)

    return change


def _rescale(scale: float, kind: int) -> Change:
    interpolation = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[kind]

    def change(picture: Image) -> Image:
        height, width = picture.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = cv2.resize(picture, size, interpolation=interpolation)
        wide = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(wide, np.uint8)

    return change


def _noise(sigma: float, seed: int) -> Change:
    def change(picture: Image) -> Image:
        noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)

    return change


def _compress(rng: np.random.Generator) -> Change:
    extension, flag = (
        (".jpg", cv2.IMWRITE_JPEG_QUALITY),
        (".webp", cv2.IMWRITE_WEBP_QUALITY),
    )[int(rng.random() < 0.25)]
    quality = int(rng.integers(40, 98))

    def change(picture: Image) -> Image:
        _, data = cv2.imencode(extension, picture[..., ::-1], [flag, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]

    return change
