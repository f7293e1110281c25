"""Score whether the flaw is there as intended, by MobileNetV2's token features.

Similarities are correlations of token features within the photo (`network.directions`). Every score
compares the picture with the photo it was made from; a flaw counts as intended when all scores of
its tool reach their thresholds:

- **add**, ``presence``: how much more similar each target has become to its reference in the part.
- **remove**, ``gone``: how much less the zone looks like the part, and more like the surroundings.
- **distort**, ``change``: how different from itself each target has become; ``stuff``: how similar
  the zone's colours and textures as a whole have stayed.
- **fuse**, ``mix``: how much more similar to the other side the targets whose references lie there
  have become; the weaker of the two directions.

A picture in which nothing changed scores 0 (``stuff`` 1). Thresholds come from null pictures, which
must be refused (`calibrate`), never from the results.
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
from stages.records.documents import TOKEN, Variant
from stages.records.masks import Mask, from_grid
from stages.tools import Tool

Tokens = NDArray[np.int64]
LAYERS: dict[Tool, tuple[int, ...]] = {
    "add": (3, 6, 13),
    "remove": (3, 6, 13),
    "distort": (6, 13),
    "fuse": (3, 6),
}
"""Blocks of the network that each tool is judged by. Distort omits the finest block, which blur and
noise change as much; fuse omits the coarsest, which covers both sides at a contact anyway."""
SURROUNDINGS = 2
"""Tokens (Chebyshev) around a removed part that count as its surroundings."""
BINS = 12
"""Bins of each CIELAB channel's histogram."""


@dataclass(frozen=True)
class Comparison:
    """A window of a photo and a picture made from it, with the network's raw features of both."""

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
        """(rows, columns): the target tokens."""
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
        """Targets whose reference is another token, and their references."""
        both = np.array([self.variant.targets, self.variant.references])
        targets, references = both[:, both[0] != both[1]]
        return targets, references

    def gain(self, at: Tokens, to: Tokens) -> float:
        """Return how much more similar to `to` (in the photo) the tokens `at` have become.

        Mean over pairs; both are (n,).
        """
        return float(((self.after[at] - self.before[at]) * self.before[to]).sum(1).mean())

    def gain_of_best(self, at: Tokens, pool: Tokens) -> float:
        """Return the same for (n,) tokens and the most similar one of a pool, before and after."""
        now, then = ((f[at] @ self.before[pool].T).max(1) for f in (self.after, self.before))
        return float((now - then).mean())


def score_add(comparison: Comparison) -> dict[str, float]:
    """Return ``presence``."""
    return {"presence": comparison.gain(*comparison.moved)}


def score_remove(comparison: Comparison) -> dict[str, float]:
    """Return ``gone``."""
    part = np.array(comparison.variant.targets)
    around = np.flatnonzero(grow(comparison.zone, SURROUNDINGS) & ~comparison.zone)
    pool = np.setdiff1d(np.union1d(around, comparison.variant.references), part)
    return {"gone": comparison.gain_of_best(part, pool) - comparison.gain_of_best(part, part)}


def score_distort(comparison: Comparison) -> dict[str, float]:
    """Return ``change`` and ``stuff``."""
    targets, _ = comparison.moved
    return {"change": -comparison.gain(targets, targets), "stuff": measure_stuff(comparison)}


def measure_stuff(comparison: Comparison) -> float:
    """Return how similar the zone's colours and textures as a whole are in photo and picture, 0..1.

    The mean of two numbers: the overlap of the CIELAB histograms, and the similarity of the means
    and spreads of the finest features over the zone's tokens.
    """
    height, width = comparison.photo.shape[:2]
    zone = from_grid(comparison.zone, (0, 0, width, height), (height, width))
    histograms = zip(_lab(comparison.photo, zone), _lab(comparison.picture, zone), strict=True)
    colour = np.mean([np.minimum(a, b).sum() for a, b in histograms])
    fine = slice(0, next(iter(CHANNELS.values())))
    photo, picture = (
        f[comparison.variant.targets, fine]
        for f in (comparison.photo_features, comparison.picture_features)
    )
    apart = np.abs(photo.mean(0) - picture.mean(0)) / (
        comparison.photo_features[:, fine].std(0) + 1e-3
    )
    wider = np.abs(np.log((photo.std(0) + 1e-2) / (picture.std(0) + 1e-2)))
    return float((colour + np.exp(-(apart + wider).mean())) / 2)


def _lab(picture: Image, zone: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    lab, ranges = rgb2lab(picture)[zone], ((0, 100), (-60, 60), (-60, 60))
    return [
        np.histogram(np.clip(lab[:, c], *ranges[c]), BINS, ranges[c])[0] / len(lab)
        for c in range(3)
    ]


def score_fuse(comparison: Comparison) -> dict[str, float]:
    """Return ``mix``."""
    if comparison.sides is None:
        raise ValueError(f"{comparison.variant.id}: fuse needs the two sides")
    targets, references = comparison.moved
    gains = []
    for own, other in (
        (comparison.sides.part, comparison.sides.other),
        (comparison.sides.other, comparison.sides.part),
    ):
        foreign = np.setdiff1d(other, own)
        crossing = np.isin(references, foreign) & ~np.isin(targets, foreign)
        if crossing.any():
            gains.append(comparison.gain(targets[crossing], references[crossing]))
    return {"mix": min(gains, default=0.0)}


RULES: dict[Tool, Callable[[Comparison], dict[str, float]]] = {
    "add": score_add,
    "remove": score_remove,
    "distort": score_distort,
    "fuse": score_fuse,
}
