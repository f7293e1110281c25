"""A window as 16-pixel patches, one a latent token, and what became of those that moved."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from stages.models.judge.features.seams import Index
from stages.models.protocols import Image
from stages.records.documents import TOKEN
from stages.records.tiles import from_tiles, to_tiles


def intended(window: Image, targets: list[int], references: list[int]) -> Image:
    """`window` with the references' patches copied to the targets.

    Args:
        window: (H, W, 3) uint8, sides multiples of 16.
        targets: token indices.
        references: the same number of token indices.
    """
    tiles = to_tiles(window).copy()
    tiles[targets] = tiles[references]
    return from_tiles(tiles, (window.shape[0] // TOKEN, window.shape[1] // TOKEN))


def energy(patches: NDArray[np.float32]) -> float:
    """Mean absolute step between neighbouring pixels inside (n, 16, 16, C) patches, both ways.

    Steps across token borders are left out.
    """
    return float(sum(np.abs(np.diff(patches, axis=axis)).mean() for axis in (1, 2)))


def sharpness(photo: Image, picture: Image, index: Index) -> float:
    """`energy` of the moved tokens against that of the photo's patches they take after.

    1: as sharp.
    """
    moved = index != np.arange(len(index))
    after = energy(to_tiles(picture.astype(np.float32))[moved])
    before = energy(to_tiles(photo.astype(np.float32))[index[moved]])
    return after / max(before, 1e-6)


def colour(photo: Image, picture: Image, index: Index) -> float:
    """Mean CIELAB distance of the moved tokens' mean colours to the photo's at their references."""
    moved = index != np.arange(len(index))
    after, before = (
        to_tiles(rgb2lab(window).astype(np.float32)).mean((1, 2)) for window in (picture, photo)
    )
    return float(np.linalg.norm(after[moved] - before[index[moved]], axis=1).mean())
