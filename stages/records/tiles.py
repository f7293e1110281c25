"""A window as tiles of 16 x 16 pixels, one a latent token, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import TOKEN


def to_tiles(picture: NDArray[Any]) -> NDArray[Any]:
    """(H, W, C) with sides that are multiples of 16 to (N, 16, 16, C)."""
    rows, columns = picture.shape[0] // TOKEN, picture.shape[1] // TOKEN
    tiles = picture.reshape(rows, TOKEN, columns, TOKEN, -1).swapaxes(1, 2)
    return tiles.reshape(rows * columns, TOKEN, TOKEN, -1)


def from_tiles(tiles: NDArray[Any], grid: tuple[int, int]) -> NDArray[Any]:
    """(N, 16, 16, C) to (H, W, C), the inverse of `to_tiles`; `grid` is (rows, columns)."""
    rows, columns = grid
    lines = tiles.reshape(rows, columns, TOKEN, TOKEN, -1).swapaxes(1, 2)
    return np.ascontiguousarray(lines.reshape(rows * TOKEN, columns * TOKEN, -1))
