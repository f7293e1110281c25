"""Splits a window into tiles of 16 x 16 pixels, one per latent token, row by row, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import TOKEN


def to_tiles(picture: NDArray[Any]) -> NDArray[Any]:
    """Split (H, W, C), with H and W multiples of 16, into (N, 16, 16, C)."""
    rows, columns = picture.shape[0] // TOKEN, picture.shape[1] // TOKEN
    tiles = picture.reshape(rows, TOKEN, columns, TOKEN, -1).swapaxes(1, 2)
    return tiles.reshape(rows * columns, TOKEN, TOKEN, -1)


def from_tiles(tiles: NDArray[Any], grid: tuple[int, int]) -> NDArray[Any]:
    """Join (N, 16, 16, C) to (H, W, C), the inverse of `to_tiles`; `grid` is (rows, columns)."""
    rows, columns = grid
    lines = tiles.reshape(rows, columns, TOKEN, TOKEN, -1).swapaxes(1, 2)
    return np.ascontiguousarray(lines.reshape(rows * TOKEN, columns * TOKEN, -1))
