"""Mean colours of a window's tokens, and how well a piece of it continues its surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from stages.records.documents import TOKEN
from stages.records.grid import Indices
from stages.records.images import Image
from stages.records.tiles import to_tiles

Colours = NDArray[np.float32]
"""(rows, columns, 3) mean CIELAB colour of each token."""


def token_colours(window: Image) -> Colours:
    """Compute the tokens' colours from (H, W, 3) uint8 at the model's size."""
    rows, columns = window.shape[0] // TOKEN, window.shape[1] // TOKEN
    tiles = to_tiles(rgb2lab(window).astype(np.float32))
    return tiles.mean((1, 2)).reshape(rows, columns, 3)


def steps_across(colours: Colours, placed: Indices, beside: Indices) -> NDArray[np.float32]:
    """Compute the mean CIELAB step across the outline of a region that takes its appearance from
    elsewhere.

    Args:
        colours: of the window.
        placed: (..., n, 2) tokens whose appearance is put inside the outline.
        beside: (n, 2) tokens outside it, each beside the place of the one in `placed`.

    Returns:
        (...,) mean over n.
    """
    inner = colours[placed[..., 0], placed[..., 1]]
    outer = colours[beside[:, 0], beside[:, 1]]
    return np.linalg.norm(inner - outer, axis=-1).mean(-1)
