"""Whose appearance do the tokens of a window have? Cosines of EfficientNet-Lite0's patch features.

Features of a token are those of the blocks that end at strides 8 and 16, pooled over the token,
less the control's mean, each block of one length. The mapping says which tokens of the control
(references) the targets are to look like.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.models.judging.seams import Index

Features = NDArray[np.float32]
BLOCKS = (4, 10)
"""Strides 8 and 16: parts of a face or of a wheel rather than texture."""


def directions(layers: list[Features], control: list[Features]) -> Features:
    """(N, d) directions: each block less the control's mean, over its spread, of one length."""
    found = []
    for layer, base in zip(layers, control, strict=True):
        flat, at = (array.reshape(-1, array.shape[-1]) for array in (layer, base))
        scaled = (flat - at.mean(0)) / (at.std(0) + 1e-3)
        found.append(scaled / (np.linalg.norm(scaled, axis=1, keepdims=True) + 1e-6))
    return np.concatenate(found, axis=1) / np.sqrt(len(found), dtype=np.float32)


def likeness(before: Features, after: Features, index: Index) -> dict[str, float]:
    """How the moved tokens' appearance changed.

    Args:
        before: (N, d) directions of the control's tokens.
        after: (N, d) directions of the flaw's tokens.
        index: (N,) where each token takes its appearance from.

    Returns:
        ``rise``: mean gain in likeness to the token's reference. ``present``: share of tokens that
        are now liker to what the references show than to what was there. ``fall``: mean loss of
        likeness to what was there. ``mixed``: the weaker of rise and likeness kept to the old. All
        0 where nothing moved.
    """
    moved = np.flatnonzero(index != np.arange(len(index)))
    if not len(moved):
        return dict.fromkeys(("rise", "present", "fall", "apart"), 0.0)
    goal, was, now = before[index[moved]], before[moved], after[moved]
    to_goal, to_old = (now * goal).sum(1), (now * was).sum(1)
    apart = (was * goal).sum(1)
    return {
        "rise": float((to_goal - apart).mean()),
        "present": float((to_goal > to_old).mean()),
        "fall": float((1 - to_old).mean()),
        "apart": float((1 - apart).mean()),
    }
