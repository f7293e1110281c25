"""Pictures in which something changed, but not what the mapping says: to be refused."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from benchmarks.quality.cases import Sides
from stages.models.judge.features.patches import intended
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Box, Tool, Variant
from stages.records.masks import Mask, from_grid

BLUR, NOISE, QUALITY = 1.5, 6.0, 30
"""Gaussian sigma in pixels, Gaussian sigma in grey levels, JPEG quality."""
TRIES = 200
Tokens = NDArray[np.int64]


@dataclass(frozen=True)
class Site:
    """Where something is to go wrong."""

    variant: Variant
    sides: Sides | None
    window: Image
    """The photo's, at the model's size."""
    other: Image
    """Another photo's, of the same size."""

    @property
    def zone(self) -> Mask:
        """(H, W): the pixels of the targets."""
        return from_grid(self.grid(self.variant.targets), self._box, self.window.shape[:2])

    def grid(self, tokens: Sequence[int]) -> Mask:
        """(rows, columns) with the given tokens set."""
        found = np.zeros((self.window.shape[0] // TOKEN, self.window.shape[1] // TOKEN), dtype=bool)
        found.ravel()[tokens] = True
        return found

    @property
    def _box(self) -> Box:
        return (0, 0, self.window.shape[1], self.window.shape[0])


def blurred(site: Site, rng: np.random.Generator) -> Image:
    """The targets out of focus."""
    return _on_targets(site, np.asarray(cv2.GaussianBlur(site.window, (0, 0), BLUR), np.uint8))


def noisy(site: Site, rng: np.random.Generator) -> Image:
    """Grain on the targets."""
    grain = site.window + rng.normal(0, NOISE, site.window.shape)
    return _on_targets(site, np.clip(grain, 0, 255).astype(np.uint8))


def recompressed(site: Site, rng: np.random.Generator) -> Image:
    """The targets through a harsh JPEG."""
    file = io.BytesIO()
    Pillow.fromarray(site.window).save(file, "JPEG", quality=QUALITY)
    return _on_targets(site, np.asarray(Pillow.open(file)))


def degraded(site: Site, rng: np.random.Generator) -> Image:
    """Blur, noise or compression on the targets: worse, but all is where it was."""
    return (blurred, noisy, recompressed)[rng.integers(3)](site, rng)


def _on_targets(site: Site, worse: Image) -> Image:
    return np.where(site.zone[..., None], worse, site.window)


def shuffled(site: Site, rng: np.random.Generator) -> Image:
    """The targets' own patches in another order, fuse: each side's among themselves."""
    targets = np.array(site.variant.targets)
    groups = [targets]
    if site.sides is not None:
        mine = np.isin(targets, site.sides.part)
        groups = [targets[mine], targets[~mine]]
    order = np.concatenate([rng.permutation(group) for group in groups])
    return intended(site.window, np.concatenate(groups).tolist(), order.tolist())


def elsewhere(site: Site, rng: np.random.Generator) -> Image:
    """The targets' shape filled from another place of the window, away from what it is about.

    The place that overlaps targets and references least among `TRIES`.
    """
    taken = site.grid([*site.variant.targets, *site.variant.references])
    rows, columns = np.divmod(np.array(site.variant.targets), taken.shape[1])
    places = np.stack(
        [
            rng.integers(-at.min(), size - at.max(), TRIES)
            for at, size in zip((rows, columns), taken.shape, strict=True)
        ]
    )
    moved = [(rows + down) * taken.shape[1] + columns + right for down, right in places.T]
    best = min(moved, key=lambda at: int(taken.ravel()[at].sum()))
    return intended(site.window, site.variant.targets, best.tolist())


def foreign(site: Site, rng: np.random.Generator) -> Image:
    """The targets filled from the same place of another photo's window."""
    return np.where(site.zone[..., None], site.other, site.window)


Null = Callable[[Site, np.random.Generator], Image]
MUST_REFUSE: dict[Tool, dict[str, tuple[Null, ...]]] = {
    "add": {"presence": (degraded, shuffled, elsewhere)},
    "remove": {"gone": (degraded, shuffled)},
    "distort": {"change": (degraded,), "stuff": (elsewhere, foreign)},
    "fuse": {"mix": (degraded, shuffled, elsewhere)},
}
"""Tool to score to the pictures from which its threshold comes."""
