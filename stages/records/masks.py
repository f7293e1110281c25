"""Binary masks: run lengths, bounding boxes, conversion to and from the token grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import Box, Rle

Mask = NDArray[np.bool_]


def encode(mask: Mask) -> Rle:
    """Encode (H, W) bool as uncompressed COCO run lengths."""
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]]))
    start = [0] if flat.size and flat[0] else []
    return Rle(size=(mask.shape[0], mask.shape[1]), counts=[*start, *map(int, counts)])


def decode(rle: Rle) -> Mask:
    """Decode run lengths to (H, W) bool.

    Raises:
        ValueError: the runs do not add up to the size, or one is negative.
    """
    height, width = rle.size
    counts = np.asarray(rle.counts, dtype=np.int64)
    if (counts < 0).any() or counts.sum() != height * width:
        raise ValueError(f"run lengths sum to {counts.sum()}, size is {height} x {width}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")


def bounding_box(mask: Mask) -> Box:
    """Return the half-open bounding box of the mask; ``(0, 0, 0, 0)`` if it is empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return (0, 0, 0, 0)
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def to_grid(mask: Mask, box: Box, grid: tuple[int, int]) -> Mask:
    """Convert an (H, W) photo mask to (rows, columns) tokens of the window `box`.

    A token is covered if any of its pixels is (algorithm section 2).
    """
    x0, y0, x1, y1 = box
    rows, columns = grid
    ys, xs = np.nonzero(mask[y0:y1, x0:x1])
    out = np.zeros(grid, dtype=bool)
    out[ys * rows // (y1 - y0), xs * columns // (x1 - x0)] = True
    return out


def from_grid(tokens: Mask, box: Box, shape: tuple[int, int]) -> Mask:
    """Convert (rows, columns) tokens of the window `box` to a photo mask of `shape` (H, W)."""
    x0, y0, x1, y1 = box
    rows, columns = tokens.shape
    out = np.zeros(shape, dtype=bool)
    row = np.arange(y1 - y0) * rows // (y1 - y0)
    column = np.arange(x1 - x0) * columns // (x1 - x0)
    out[y0:y1, x0:x1] = tokens[np.ix_(row, column)]
    return out
