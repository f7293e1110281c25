"""Make null pictures: something changed, but not what the mapping says, so they must be refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from benchmarks.quality.cases import Sides
from stages.models.judge.features.patches import copy_patches
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Box, Variant
from stages.records.masks import Mask, from_grid
from stages.tools import Tool

BLUR, NOISE, QUALITY = 1.5, 6.0, 30
"""Gaussian sigma in pixels, Gaussian sigma in grey levels, JPEG quality."""
TRIES = 200
Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Site:
    """The window and the tokens that a null picture changes."""

    variant: Variant
    sides: Sides | None
    window: Image
    """The photo's window at the model's size."""
    other: Image
    """The window of another photo, of the same size."""

    @property
    def zone(self) -> Mask:
        """(H, W): the pixels of the targets."""
        return from_grid(self.token_mask(self.variant.targets), self._box, self.window.shape[:2])

    def token_mask(self, tokens: Sequence[int]) -> Mask:
        """Return (rows, columns) with the given tokens set."""
        found = np.zeros((self.window.shape[0] // TOKEN, self.window.shape[1] // TOKEN), dtype=bool)
        found.ravel()[tokens] = True
        return found

    @property
    def _box(self) -> Box:
        return (0, 0, self.window.shape[1], self.window.shape[0])


def blur(site: Site, rng: np.random.Generator) -> Image:
    """Blur the targets."""
    return _on_targets(site, np.asarray(cv2.GaussianBlur(site.window, (0, 0), BLUR), np.uint8))


def add_noise(site: Site, rng: np.random.Generator) -> Image:
    """Add noise to the targets."""
    noisy = site.window + rng.normal(0, NOISE, site.window.shape)
    return _on_targets(site, np.clip(noisy, 0, 255).astype(np.uint8))


def recompress(site: Site, rng: np.random.Generator) -> Image:
    """Compress the targets as a low-quality JPEG."""
    file = io.BytesIO()
    Pillow.fromarray(site.window).save(file, "JPEG", quality=QUALITY)
    return _on_targets(site, np.asarray(Pillow.open(file)))


def degrade(site: Site, rng: np.random.Generator) -> Image:
    """Blur, add noise to or compress the targets: worse, but nothing has moved."""
    return (blur, add_noise, recompress)[rng.integers(3)](site, rng)


def _on_targets(site: Site, worse: Image) -> Image:
    return np.where(site.zone[..., None], worse, site.window)


def shuffle(site: Site, rng: np.random.Generator) -> Image:
    """Shuffle the targets' own patches; of fuse those of each side among themselves."""
    targets = np.array(site.variant.targets)
    groups = [targets]
    if site.sides is not None:
        mine = np.isin(targets, site.sides.part)
        groups = [targets[mine], targets[~mine]]
    order = np.concatenate([rng.permutation(group) for group in groups])
    return copy_patches(site.window, np.concatenate(groups).tolist(), order.tolist())


def fill_from_elsewhere(site: Site, rng: np.random.Generator) -> Image:
    """Fill the targets from another place in the window, away from targets and references.

    Takes the place with the minimum overlap with targets and references among `TRIES`.
    """
    taken = site.token_mask([*site.variant.targets, *site.variant.references])
    rows, columns = np.divmod(np.array(site.variant.targets), taken.shape[1])
    places = np.stack(
        [
            rng.integers(-at.min(), size - at.max(), TRIES)
            for at, size in zip((rows, columns), taken.shape, strict=True)
        ]
    )
    moved = [(rows + down) * taken.shape[1] + columns + right for down, right in places.T]
    best = min(moved, key=lambda at: int(taken.ravel()[at].sum()))
    return copy_patches(site.window, site.variant.targets, best.tolist())


def fill_from_other_photo(site: Site, rng: np.random.Generator) -> Image:
    """Fill the targets from the same place in another photo's window."""
    return np.where(site.zone[..., None], site.other, site.window)


Null = Callable[[Site, np.random.Generator], Image]
NULLS: dict[str, Null] = {
    "degraded": degrade,
    "shuffled": shuffle,
    "elsewhere": fill_from_elsewhere,
    "foreign": fill_from_other_photo,
}
"""Kind of null picture to the function that makes it."""
MUST_REFUSE: dict[Tool, dict[str, tuple[str, ...]]] = {
    "add": {"presence": ("degraded", "shuffled", "elsewhere")},
    "remove": {"gone": ("degraded", "shuffled")},
    "distort": {"change": ("degraded",), "stuff": ("elsewhere", "foreign")},
    "fuse": {"mix": ("degraded", "shuffled", "elsewhere")},
}
"""Tool to score to the kinds of null pictures from which its threshold comes."""
