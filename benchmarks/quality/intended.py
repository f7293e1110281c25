"""Is the flaw really there, as intended? Scores by MobileNetV2's token features.

Similarities are correlations of token features within the photo (`network.directions`). Every score
compares the picture with the photo it came from; a flaw counts as intended when all scores of its
tool reach their thresholds:

- **add**, ``presence``: how much more like its part of the part each target has become.
- **remove**, ``gone``: how much less the zone looks like the part, and more like the surroundings.
- **distort**, ``change``: how unlike itself each target has become; ``stuff``: how alike the zone's
  colours and textures as a whole have stayed.
- **fuse**, ``mix``: how much more like the other side the targets have become that take after it,
  the weaker of the two directions.

A picture in which nothing happened scores 0 (``stuff`` 1). Thresholds come from pictures that must
be refused (`calibrate`), never from the results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from benchmarks.quality.cases import Sides
from benchmarks.quality.network import CHANNELS, Features, directions
from stages.inject.tokens import grow
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Tool, Variant
from stages.records.masks import Mask, from_grid

Tokens = NDArray[np.int64]
LAYERS: dict[Tool, tuple[int, ...]] = {
    "add": (3, 6, 13),
    "remove": (3, 6, 13),
    "distort": (6, 13),
    "fuse": (3, 6),
}
"""Blocks of the network that each tool is judged by. Distort leaves out the finest, which blur and
noise change as much; fuse the coarsest, which at a contact has both sides in view anyway."""
SURROUNDINGS = 2
"""Tokens (Chebyshev) around a removed part that count as its surroundings."""
BINS = 12
"""Of each CIELAB channel's histogram."""


@dataclass(frozen=True)
class Look:
    """A window of a photo and a picture of it, with the network's raw features of both."""

    variant: Variant
    sides: Sides | None
    photo: Image
    picture: Image
    photo_features: Features
    picture_features: Features

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.photo.shape[0] // TOKEN, self.photo.shape[1] // TOKEN

    @property
    def zone(self) -> Mask:
        """(rows, columns): the targets."""
        tokens = np.zeros(self.grid, dtype=bool)
        tokens.ravel()[self.variant.targets] = True
        return tokens

    @cached_property
    def before(self) -> Features:
        """(N, d) directions of the photo's tokens."""
        return directions(self.photo_features, self.photo_features, LAYERS[self.variant.tool])

    @cached_property
    def after(self) -> Features:
        """(N, d) directions of the picture's tokens, on the photo's scale."""
        return directions(self.picture_features, self.photo_features, LAYERS[self.variant.tool])

    @cached_property
    def moved(self) -> tuple[Tokens, Tokens]:
        """Targets that take after another token, and their references."""
        both = np.array([self.variant.targets, self.variant.references])
        targets, references = both[:, both[0] != both[1]]
        return targets, references

    def gain(self, at: Tokens, to: Tokens) -> float:
        """How much more like `to` (in the photo) the tokens `at` are than in the photo.

        Mean over pairs; both (n,).
        """
        return float(((self.after[at] - self.before[at]) * self.before[to]).sum(1).mean())

    def gain_of_best(self, at: Tokens, pool: Tokens) -> float:
        """The same for (n,) tokens against the best of a pool, before and after."""
        now, then = ((f[at] @ self.before[pool].T).max(1) for f in (self.after, self.before))
        return float((now - then).mean())


def add(look: Look) -> dict[str, float]:
    """``presence``."""
    return {"presence": look.gain(*look.moved)}


def remove(look: Look) -> dict[str, float]:
    """``gone``."""
    part = np.array(look.variant.targets)
    around = np.flatnonzero(grow(look.zone, SURROUNDINGS) & ~look.zone)
    pool = np.setdiff1d(np.union1d(around, look.variant.references), part)
    return {"gone": look.gain_of_best(part, pool) - look.gain_of_best(part, part)}


def distort(look: Look) -> dict[str, float]:
    """``change`` and ``stuff``."""
    targets, _ = look.moved
    return {"change": -look.gain(targets, targets), "stuff": stuff(look)}


def stuff(look: Look) -> float:
    """How alike the zone's colours and textures as a whole are in photo and picture, 0..1.

    The mean of two: how much the CIELAB histograms overlap, and how near the finest features'
    means and spreads over the zone's tokens are.
    """
    height, width = look.photo.shape[:2]
    zone = from_grid(look.zone, (0, 0, width, height), (height, width))
    histograms = zip(_lab(look.photo, zone), _lab(look.picture, zone), strict=True)
    colour = np.mean([np.minimum(a, b).sum() for a, b in histograms])
    fine = slice(0, next(iter(CHANNELS.values())))
    photo, picture = (
        f[look.variant.targets, fine] for f in (look.photo_features, look.picture_features)
    )
    apart = np.abs(photo.mean(0) - picture.mean(0)) / (look.photo_features[:, fine].std(0) + 1e-3)
    wider = np.abs(np.log((photo.std(0) + 1e-2) / (picture.std(0) + 1e-2)))
    return float((colour + np.exp(-(apart + wider).mean())) / 2)


def _lab(picture: Image, zone: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    lab, ranges = rgb2lab(picture)[zone], ((0, 100), (-60, 60), (-60, 60))
    return [
        np.histogram(np.clip(lab[:, c], *ranges[c]), BINS, ranges[c])[0] / len(lab)
        for c in range(3)
    ]


def fuse(look: Look) -> dict[str, float]:
    """``mix``."""
    if look.sides is None:
        raise ValueError(f"{look.variant.id}: a fuse without its two sides")
    targets, references = look.moved
    gains = []
    for own, strange in (
        (look.sides.part, look.sides.other),
        (look.sides.other, look.sides.part),
    ):
        alone = np.setdiff1d(strange, own)
        taking = np.isin(references, alone) & ~np.isin(targets, alone)
        if taking.any():
            gains.append(look.gain(targets[taking], references[taking]))
    return {"mix": min(gains, default=0.0)}


RULES: dict[Tool, Callable[[Look], dict[str, float]]] = {
    "add": add,
    "remove": remove,
    "distort": distort,
    "fuse": fuse,
}
