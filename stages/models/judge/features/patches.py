"""Operations on a window's 16-pixel patches, one per latent token."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from stages.models.protocols import Image
from stages.records.documents import TOKEN
from stages.records.source_index import Index
from stages.records.tiles import from_tiles, to_tiles


def copy_patches(window: Image, targets: list[int], references: list[int]) -> Image:
    """Return `window` with the references' patches copied to the targets.

    Args:
        window: (H, W, 3) uint8, sides multiples of 16.
        targets: token indices.
        references: the same number of token indices.
    """
    tiles = to_tiles(window).copy()
    tiles[targets] = tiles[references]
    return from_tiles(tiles, (window.shape[0] // TOKEN, window.shape[1] // TOKEN))


def energy(patches: NDArray[np.float32]) -> float:
    """Compute the mean absolute step between neighbours inside (n, 16, 16, C) patches.

    The steps in both directions are summed; steps across token borders do not count.
    """
    return float(sum(np.abs(np.diff(patches, axis=axis)).mean() for axis in (1, 2)))


def sharpness(photo: Image, picture: Image, index: Index) -> float:
    """Return `energy` of the moved tokens relative to their reference patches; 1 = as sharp."""
    moved = index != np.arange(len(index))
    after = energy(to_tiles(picture.astype(np.float32))[moved])
    before = energy(to_tiles(photo.astype(np.float32))[index[moved]])
    return after / max(before, 1e-6)


def colour(photo: Image, picture: Image, index: Index) -> float:
    """Return the mean CIELAB distance of mean colours, moved tokens to their references."""
    moved = index != np.arange(len(index))
    after, before = (
        to_tiles(rgb2lab(window).astype(np.float32)).mean((1, 2)) for window in (picture, photo)
    )
    return float(np.linalg.norm(after[moved] - before[index[moved]], axis=1).mean())
