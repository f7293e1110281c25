"""Compare the appearance of a window's tokens by patch features of EfficientNet-Lite0.

The direction of a token is the output of the blocks that end at strides 8 and 16, pooled over the
token, standardised by the control's mean and standard deviation and normalised per block. It
describes parts of a face or of a wheel rather than texture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.records.source_index import Index

Features = NDArray[np.float32]
BLOCKS = (4, 10)
"""Blocks of the network: strides 8 and 16."""


def directions(layers: list[Features], control: list[Features]) -> Features:
    """Compute (N, d) float32 directions of length 1 from one (rows, columns, d) array per block.

    Args:
        layers: features of the image.
        control: features of the control, which define mean and standard deviation.
    """
    found = []
    for layer, base in zip(layers, control, strict=True):
        flat, at = (array.reshape(-1, array.shape[-1]) for array in (layer, base))
        scaled = (flat - at.mean(0)) / (at.std(0) + 1e-3)
        found.append(scaled / (np.linalg.norm(scaled, axis=1, keepdims=True) + 1e-6))
    return np.concatenate(found, axis=1) / np.sqrt(np.float32(len(found)))


def likeness(before: Features, after: Features, index: Index) -> dict[str, float]:
    """Measure how the appearance of the moved tokens changed, as mean cosines.

    Args:
        before: (N, d) directions of the control's tokens.
        after: (N, d) directions of the flaw's tokens.
        index: (N,) source index of each token.

    Returns:
        ``rise``: increase in similarity to the token's reference (add: the part has appeared; fuse:
        the other entity has). ``left``: similarity to the most similar of the former targets
        (remove: low if the part is gone). Both are 0 if nothing moved.
    """
    moved = np.flatnonzero(index != np.arange(len(index)))
    if not len(moved):
        return {"rise": 0.0, "left": 0.0}
    goal, was, now = before[index[moved]], before[moved], after[moved]
    return {
        "rise": float((now * goal).sum(1).mean() - (was * goal).sum(1).mean()),
        "left": float((now @ was.T).max(1).mean()),
    }
