"""Composite decoded windows into the photo: residual, feathering, mask of the visible flaw."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter
from skimage.color import rgb2lab

from stages.inject.params import MaskParams
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Box, Window
from stages.records.masks import Mask, from_grid
from stages.records.source_index import Index
from stages.records.tiles import from_tiles, to_tiles
from stages.records.windows import resize

Plane = NDArray[np.float32]
FADE = 6
"""Distance from a tear of the mapping over which the residual rises to full weight, in model
pixels."""


@dataclass(frozen=True)
class Blend:
    """Weights with which the decoded window is blended into the photo."""

    alpha: Plane
    """(H, W) of the photo, 0..1."""

    @property
    def edit(self) -> Mask:
        """All pixels that may differ from the photo."""
        return self.alpha > 0


def blend(active: Mask, window: Window, shape: tuple[int, int], feather: float) -> Blend:
    """Compute weights: 1 on active tokens, falling smoothly to 0 within `feather` model pixels.

    The weight falls to 0 towards window borders inside the photo as well, so that a flaw that
    reaches the border of the decoded window ends softly.

    Args:
        active: (rows, columns) active tokens of the window.
        window: the work window.
        shape: height and width of the photo.
        feather: width of the ramp in model pixels.
    """
    x0, y0, x1, y1 = window.box
    ramp = max(feather * (x1 - x0) / window.size[0], 1e-6)
    size = height, width = y1 - y0, x1 - x0
    inside = from_grid(active, (0, 0, width, height), size)
    weight = 1 - np.asarray(distance_transform_edt(~inside)) / (ramp + 1)
    row, column = np.arange(height)[:, None], np.arange(width)[None]
    for border, distance in (
        (x0 > 0, column + 1),
        (y0 > 0, row + 1),
        (x1 < shape[1], width - column),
        (y1 < shape[0], height - row),
    ):
        if border:
            weight = np.minimum(weight, distance / (ramp + 1))
    weight = np.clip(weight, 0, 1)
    alpha = np.zeros(shape, dtype=np.float32)
    alpha[y0:y1, x0:x1] = weight * weight * (3 - 2 * weight)
    return Blend(alpha)


def gather_residual(lost: Plane, index: Index, grid: tuple[int, int]) -> Plane:
    """Move the residual of each token to the tokens that take their appearance from it.

    Args:
        lost: what the model lost of the photo, (H, W, C) in model pixels.
        index: (N,) source index.
        grid: rows and columns.

    Returns:
        (H, W, C) in model pixels.
    """
    return from_tiles(to_tiles(lost)[index], grid)


def residual_weight(index: Index, grid: tuple[int, int]) -> Plane:
    """Compute weights of the residual, (H, W): 1 where neighbours move together, 0 at a tear.

    The fine detail on the two sides of a tear does not belong together. The residual is left out
    there, in the control too, so that missing detail does not give the flaw away.
    """
    rows, columns = grid
    moved = (index - np.arange(len(index))).reshape(grid)
    torn = np.zeros((rows * TOKEN, columns * TOKEN), dtype=bool)
    for row, column in np.argwhere(np.diff(moved, axis=0)):
        torn[(row + 1) * TOKEN - 1 : (row + 1) * TOKEN + 1, column * TOKEN :][:, :TOKEN] = True
    for row, column in np.argwhere(np.diff(moved, axis=1)):
        torn[row * TOKEN :, (column + 1) * TOKEN - 1 : (column + 1) * TOKEN + 1][:TOKEN] = True
    if not torn.any():
        return np.ones(torn.shape, dtype=np.float32)
    distance = np.asarray(distance_transform_edt(~torn))
    return np.clip(distance / FADE, 0, 1).astype(np.float32)


def composite(photo: Image, decoded: Plane, box: Box, weights: Blend) -> Image:
    """Blend the window into a copy of the photo; pixels of weight 0 keep the photo's values."""
    x0, y0, x1, y1 = box
    out = photo.copy()
    alpha = weights.alpha[y0:y1, x0:x1, None]
    below = photo[y0:y1, x0:x1].astype(np.float32)
    mixed = np.rint(np.clip(below + alpha * (resize(decoded, box) - below), 0, 255))
    out[y0:y1, x0:x1] = np.where(alpha > 0, mixed.astype(np.uint8), photo[y0:y1, x0:x1])
    return out


def visible_mask(artifact: Image, control: Image, edit: Mask, params: MaskParams) -> Mask:
    """Return the mask of the visible flaw: where artifact and control differ, inside `edit`.

    Small gaps are closed, small pieces dropped and holes filled: a token that kept its place in the
    middle of a melted face is part of the flaw.
    """
    difference = rgb2lab(artifact).astype(np.float32) - rgb2lab(control).astype(np.float32)
    sigma = (params.smoothing, params.smoothing, 0)
    distance = np.linalg.norm(gaussian_filter(difference, sigma), axis=-1)
    seen = ((distance > params.threshold) & edit).astype(np.uint8)
    seen = cv2.morphologyEx(
        seen, cv2.MORPH_CLOSE, np.ones((params.closing, params.closing), np.uint8)
    )
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= params.min_pixels
    large[0] = False
    pieces = np.asarray(labels, dtype=np.int64)
    return np.asarray(binary_fill_holes(large[pieces] & edit)) & edit
