"""Whose appearance do the tokens of a window have? EfficientNet-Lite0's patch features compared.

A token's direction is what the blocks that end at strides 8 and 16 say of it, pooled over the
token, less the control's mean and over its spread, each block of one length: parts of a face or of
a wheel rather than texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.models.judge.features.seams import Index

Features = NDArray[np.float32]
BLOCKS = (4, 10)
"""Of the network: strides 8 and 16."""


def directions(layers: list[Features], control: list[Features]) -> Features:
    """(N, d) float32 of length 1 from one (rows, columns, d) array a block.

    Args:
        layers: of the picture.
        control: of the control, which sets mean and spread.
    """
    found = []
    for layer, base in zip(layers, control, strict=True):
        flat, at = (array.reshape(-1, array.shape[-1]) for array in (layer, base))
        scaled = (flat - at.mean(0)) / (at.std(0) + 1e-3)
        found.append(scaled / (np.linalg.norm(scaled, axis=1, keepdims=True) + 1e-6))
    return np.concatenate(found, axis=1) / np.sqrt(np.float32(len(found)))


def likeness(before: Features, after: Features, index: Index) -> dict[str, float]:
    """How the moved tokens' appearance changed, as mean cosines.

    Args:
        before: (N, d) directions of the control's tokens.
        after: (N, d) directions of the flaw's tokens.
        index: (N,) where each token takes its appearance from.

    Returns:
        ``rise``: gain in likeness to the token's reference (add: the part's appearance is there
        now; fuse: the other's). ``left``: likeness to the nearest of all that was in the targets
        (remove: little, where the part is gone). Both 0 where nothing moved.
    """
    moved = np.flatnonzero(index != np.arange(len(index)))
    if not len(moved):
        return {"rise": 0.0, "left": 0.0}
    goal, was, now = before[index[moved]], before[moved], after[moved]
    return {
        "rise": float((now * goal).sum(1).mean() - (was * goal).sum(1).mean()),
        "left": float((now @ was.T).max(1).mean()),
    }
