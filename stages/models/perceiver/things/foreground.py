"""The salient things of a photo: connected pieces of a saliency map, people left out."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.records.masks import Mask

Array = NDArray[np.float32]

SPLIT = 0.5
"""Saliency from which a pixel belongs to a thing."""
RIM = 0.012
"""Half the width, as a share of the photo's longer side, of leftovers around people that are hair
and clothes rather than a thing."""
HOLE = 0.05
"""Holes under this share of a thing are filled; larger ones show what is behind."""


def foreground(
    saliency: Array,
    shape: tuple[int, int],
    exclude: Mask | None = None,
    area: tuple[float, float] = (0.01, 0.85),
) -> list[tuple[Mask, float]]:
    """The (H, W) masks of things that do not touch each other, the largest first, with scores.

    A score in 0..1 is how much more salient the thing is than all that belongs to no thing. The map
    is enlarged as it is: at 320 pixels its border lies within a pixel or two of the photo's edges,
    and neither GrabCut nor a guided filter moved it closer (docs/perception-things.md).

    Args:
        saliency: square map in 0..1 of the whole photo.
        shape: height and width of the photo.
        exclude: (H, W) pixels that are known to be something else.
        area: least and greatest share of the photo for one thing.
    """
    full = cv2.resize(saliency, shape[::-1], interpolation=cv2.INTER_LINEAR)
    salient = full > SPLIT
    if exclude is not None:
        salient = _without(salient, exclude)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(salient.astype(np.uint8))
    sizes = stats[1:, cv2.CC_STAT_AREA] / salient.size
    order = np.argsort(-sizes, kind="stable")
    masks = [filled(labels == 1 + i) for i in order if area[0] <= sizes[i] <= area[1]]
    rest = full[~salient]
    outside = float(rest.mean()) if rest.size else 1.0
    return [(m, float(np.clip(full[m].mean() - outside, 0, 1))) for m in masks]


def _without(mask: Mask, exclude: Mask) -> Mask:
    """`mask` less `exclude`, and less the thin leftovers where the two outlines disagree."""
    left = (mask & ~exclude).astype(np.uint8)
    side = 2 * max(round(RIM * max(mask.shape)), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(left, cv2.MORPH_OPEN, disc).astype(bool)


def filled(mask: Mask) -> Mask:
    """`mask` with its small holes (`HOLE`) filled."""
    background = (~mask).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    rim = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < HOLE * mask.sum())
    return mask | np.isin(pieces, np.setdiff1d(small, np.append(rim, 0)))
