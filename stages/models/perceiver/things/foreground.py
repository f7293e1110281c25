"""Split a saliency map into the things of a photo: connected pieces without people."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.records.masks import Mask

Array = NDArray[np.float32]

SPLIT = 0.5
"""Minimum saliency of a pixel that belongs to a thing."""
RIM = 0.012
"""Half the width, as a share of the photo's longer side, of remainders around people that count as
hair and clothes rather than a thing."""
HOLE = 0.05
"""Holes smaller than this share of a thing are filled; larger ones show the background."""


def find_foreground(
    saliency: Array,
    shape: tuple[int, int],
    exclude: Mask | None = None,
    area: tuple[float, float] = (0.01, 0.85),
) -> list[tuple[Mask, float]]:
    """Return (H, W) masks of things that do not touch each other, largest first, with scores.

    The score in 0..1 is the mean saliency of the thing minus that of the background. The map is
    enlarged without refinement: at 320 pixels its border lies within a pixel or two of the photo's
    edges, and neither GrabCut nor a guided filter improved it (docs/perception-things.md).

    Args:
        saliency: square map in 0..1 of the whole photo.
        shape: height and width of the photo.
        exclude: (H, W) pixels that are known to be something else.
        area: minimum and maximum share of the photo for one thing.
    """
    full = cv2.resize(saliency, shape[::-1], interpolation=cv2.INTER_LINEAR)
    salient = full > SPLIT
    if exclude is not None:
        salient = _subtract(salient, exclude)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(salient.astype(np.uint8))
    sizes = stats[1:, cv2.CC_STAT_AREA] / salient.size
    order = np.argsort(-sizes, kind="stable")
    masks = [fill_holes(labels == 1 + i) for i in order if area[0] <= sizes[i] <= area[1]]
    rest = full[~salient]
    outside = float(rest.mean()) if rest.size else 1.0
    return [(m, float(np.clip(full[m].mean() - outside, 0, 1))) for m in masks]


def _subtract(mask: Mask, exclude: Mask) -> Mask:
    """Remove `exclude` from `mask`, and thin remainders where the two outlines disagree."""
    remainder = (mask & ~exclude).astype(np.uint8)
    side = 2 * max(round(RIM * max(mask.shape)), 1) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.morphologyEx(remainder, cv2.MORPH_OPEN, disc).astype(bool)


def fill_holes(mask: Mask) -> Mask:
    """Fill the small holes (`HOLE`) of `mask`."""
    background = (~mask).astype(np.uint8)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    rim = np.unique(np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]]))
    small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < HOLE * mask.sum())
    return mask | np.isin(pieces, np.setdiff1d(small, np.append(rim, 0)))
