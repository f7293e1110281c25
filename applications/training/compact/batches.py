"""Make training batches: the same crop of photo, control and flawed picture, augmented alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from applications.pictures import decode
from applications.training.compact.augment import Change, draw_changes
from applications.training.compact.pairs import Pair
from stages.records.images import Image
from stages.records.seeding import generator

Labels = NDArray[np.uint8]
"""0, or 1 + the index of the flaw's tool."""


@dataclass(frozen=True, kw_only=True)
class CropParams:
    """How crops are drawn."""

    sizes: tuple[int, ...] = (192, 160, 256, 320)
    """Sides of crops in pixels, multiples of 32; each batch draws one. Small ones are many and
    large ones show more of the photo around a flaw, as a whole picture does later."""
    scales: tuple[float, float] = (0.6, 1.7)
    """Range of the scale between photo and crop, log-uniform."""
    strength: float = 0.5
    """Factor of the augmentation's probabilities; 1 costs a short training more than it gives
    (docs/inspecting.md)."""
    several: float = 0.3
    """Probability that other flaws of the photo are pasted in where they do not overlap."""
    elsewhere: int = 1
    """Clean crops from anywhere in any photo, per triplet: most of a picture is not near a flaw."""
    controls: bool = True
    """Whether controls are shown as clean pictures, beside photos."""


@dataclass(frozen=True)
class Batch:
    """Crops as (N, 3, size, size) uint8 with (N, size, size) uint8 labels: 0, or 1 + the tool."""

    pictures: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Scene:
    """The complete pictures of one triplet."""

    real: Image
    control: Image
    artifact: Image
    labels: NDArray[np.uint8]


class Sampler:
    """Draws batches that depend only on seed, rank and step."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        decoded: Mapping[str, Image],
        params: CropParams,
        seed: int,
        clean: Sequence[Sequence[Path]] = (),
    ) -> None:
        """Sample photos uniformly, then one of their pairs.

        Args:
            pairs: at least one.
            decoded: photos that went through the autoencoder whole, by photo; clean pictures.
            params: how crops are drawn.
            seed: base seed.
            clean: files of other photos without flaws, in groups that are drawn equally often;
                half of the crops from anywhere are theirs.
        """
        by_photo: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            by_photo[pair.photo].append(pair)
        self.photos = [by_photo[photo] for photo in sorted(by_photo)]
        self.decoded, self.params, self.seed, self.clean = decoded, params, seed, clean

    def batch(self, triplets: int, rank: int, step: int) -> Batch:
        """Make the batch of a step.

        Args:
            triplets: with crops of the first size; of another size there are as many pixels.
            rank: of the worker.
            step: of the training.
        """
        rng = generator(self.seed, "inspector", step, rank)
        size = int(rng.choice(self.params.sizes))
        pictures: list[Image] = []
        labels: list[NDArray[np.uint8]] = []
        for _ in range(max(1, triplets * self.params.sizes[0] ** 2 // size**2)):
            clean = [self._clean(rng, size) for _ in range(self.params.elsewhere)]
            for picture, label in (*self._triplet(rng, size), *clean):
                pictures.append(picture)
                labels.append(label)
        return Batch(
            torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2),
            torch.from_numpy(np.stack(labels)),
        )

    def _triplet(self, rng: np.random.Generator, size: int) -> list[tuple[Image, Labels]]:
        first, scene = self._draw_scene(rng)
        grid = _draw_grid(rng, scene.labels, size, self.params.scales)
        changes = draw_changes(rng, self.params.strength)
        real = scene.real
        if first.photo in self.decoded and rng.random() < 0.3:
            real = self.decoded[first.photo]
        clean = [real, scene.control] if self.params.controls else [real]
        empty = np.zeros((size, size), np.uint8)
        crops = [(_cut_picture(picture, grid, size), empty) for picture in clean]
        crops.append((_cut_picture(scene.artifact, grid, size), _cut(scene.labels, grid, size)))
        return [(_apply(changes, picture), label) for picture, label in crops]

    def _clean(self, rng: np.random.Generator, size: int) -> tuple[Image, Labels]:
        """Crop a clean picture anywhere."""
        picture = self._draw_clean(rng)
        empty = np.zeros(picture.shape[:2], np.uint8)
        grid = _draw_grid(rng, empty, size, self.params.scales)
        changes = draw_changes(rng, self.params.strength)
        return _apply(changes, _cut_picture(picture, grid, size)), np.zeros((size, size), np.uint8)

    def _draw_clean(self, rng: np.random.Generator) -> Image:
        """Draw another photo, or the photo, control or decoded photo of a pair."""
        if self.clean and rng.random() < 0.5:
            group = self.clean[int(rng.integers(len(self.clean)))]
            return decode(group[int(rng.integers(len(group)))].read_bytes())
        first, scene = self._draw_scene(rng)
        shown = [scene.real]
        if self.params.controls:
            shown.append(scene.control)
        if first.photo in self.decoded:
            shown.append(self.decoded[first.photo])
        return shown[int(rng.integers(len(shown)))]

    def _draw_scene(self, rng: np.random.Generator) -> tuple[Pair, Scene]:
        pairs = self.photos[int(rng.integers(len(self.photos)))]
        first = pairs[int(rng.integers(len(pairs)))]
        return first, compose(_choose(pairs, first, rng, self.params.several))


def _draw_grid(
    rng: np.random.Generator, labels: Labels, size: int, scales: tuple[float, float]
) -> NDArray[np.float64]:
    """Draw an affine map from crop to picture: around a flawed pixel, if there is one."""
    height, width = labels.shape
    scale = float(np.exp(rng.uniform(*np.log(scales))))
    scale = max(scale, size / min(height, width))
    side = size / scale
    flawed = np.flatnonzero(labels)
    if flawed.size:
        at = int(flawed[int(rng.integers(flawed.size))])
        y = at // width - rng.uniform(0.15, 0.85) * side
        x = at % width - rng.uniform(0.15, 0.85) * side
    else:
        y = rng.uniform(0, max(0.0, height - side))
        x = rng.uniform(0, max(0.0, width - side))
    top = float(np.clip(y, 0, max(0.0, height - side)))
    left = float(np.clip(x, 0, max(0.0, width - side)))
    step = side / size
    grid = np.array([[step, 0, left], [0, step, top]])
    if rng.random() < 0.5:  # mirrored
        grid[0] = [-step, 0, left + side - step]
    return grid


def compose(pairs: Sequence[Pair]) -> Scene:
    """Put the edits of several pairs of one photo into one triplet; their boxes are disjoint."""
    real = pairs[0].real
    control, artifact = real.copy(), real.copy()
    labels = np.zeros(real.shape[:2], np.uint8)
    for pair in pairs:
        x0, y0, x1, y1 = pair.box
        control[y0:y1, x0:x1] = pair.control
        artifact[y0:y1, x0:x1] = pair.artifact
        labels[y0:y1, x0:x1] = pair.labels
    return Scene(real, control, artifact, labels)


def _choose(
    pairs: Sequence[Pair], first: Pair, rng: np.random.Generator, several: float
) -> list[Pair]:
    chosen = [first]
    if rng.random() < several:
        for index in rng.permutation(len(pairs)):
            if all(_are_disjoint(pairs[int(index)].box, other.box) for other in chosen):
                chosen.append(pairs[int(index)])
    return chosen


def _are_disjoint(a: Sequence[int], b: Sequence[int]) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def _apply(changes: Sequence[Change], crop: Image) -> Image:
    for change in changes:
        crop = change(crop)
    return np.ascontiguousarray(crop)


def _cut_picture(picture: Image, grid: NDArray[np.float64], size: int) -> Image:
    """Sample a (size, size, 3) crop through the affine map; shrinking is smoothed beforehand."""
    step = abs(float(grid[0, 0]))
    if step > 1.2:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * step), np.uint8)
    return np.asarray(_warp(picture, grid, size, cv2.INTER_CUBIC), np.uint8)


def _cut(labels: Labels, grid: NDArray[np.float64], size: int) -> Labels:
    """Sample (size, size) labels through the affine map."""
    return np.asarray(_warp(labels, grid, size, cv2.INTER_NEAREST), np.uint8)


def _warp(picture: Image, grid: NDArray[np.float64], size: int, interpolation: int) -> NDArray:
    return cv2.warpAffine(
        picture,
        grid,
        (size, size),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
