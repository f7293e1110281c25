"""Body pose: 33 landmarks and a mask of the person, from one crop (BlazePose, arXiv 2006.10204)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.engine.images import Image
from stages.models.litert import LiteModel
from stages.models.people.geometry import Array, Roi, facing

NOSE = 0
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE = 11, 12, 23, 24, 25, 26
_CENTRE, _SCALE = 33, 34
"""Auxiliary landmarks: middle of the hips, and a point on the circle around the whole body."""


@dataclass(frozen=True)
class Pose:
    """One person's body in photo pixels. Left and right are the person's own."""

    score: float
    """Probability that the crop holds a person."""
    points: Array
    """(33, 2)"""
    visible: Array
    """(33,) probability that a landmark is in the picture and not hidden."""
    mask: Array
    """(H, W) probability of belonging to this person."""


def body_roi(centre: Array, rim: Array) -> Roi:
    """The upright square 1.25 times the circle around `centre` through `rim` (photo pixels)."""
    radius = float(np.hypot(*(np.asarray(rim) - centre)))
    return Roi(
        float(centre[0]), float(centre[1]), 2.5 * max(radius, 1.0), facing(centre, rim, math.pi / 2)
    )


def refine(points: Array, heatmap: Array, kernel: int = 7, floor: float = 0.5) -> Array:
    """Landmarks (N, 2) in 0..1 moved to the local mean of their heatmap (h, w, N) of logits.

    A landmark whose neighbourhood peaks below `floor` stays where it is.
    """
    height, width, _ = heatmap.shape
    out, reach = points.copy(), kernel // 2
    for i, (x, y) in enumerate(points):
        column, row = int(x * width), int(y * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        rows = slice(max(row - reach, 0), row + reach + 1)
        columns = slice(max(column - reach, 0), column + reach + 1)
        weight = sigmoid(heatmap[rows, columns, i])
        if weight.max() < floor:
            continue
        ys, xs = np.mgrid[rows, columns][:, : weight.shape[0], : weight.shape[1]]
        out[i] = (
            (xs * weight).sum() / weight.sum() / width,
            (ys * weight).sum() / weight.sum() / height,
        )
    return out


def sigmoid(values: Array) -> Array:
    """Logits to probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))), np.float32)


class PoseModel:
    """MediaPipe's pose landmark model (full)."""

    def __init__(self, content: bytes) -> None:
        self._model = LiteModel(content)

    def __call__(self, image: Image, roi: Roi) -> tuple[Pose, Roi]:
        """The pose in `roi`, and the better crop that its landmarks suggest."""
        out = self._model(roi.cut(image, self._model.size[0]))
        rows = out["Identity"].reshape(39, 5)
        local = refine(rows[:, :2] / np.float32(self._model.size[0]), out["Identity_3"])
        points = roi.to_photo(local)
        visible = np.minimum(sigmoid(rows[:33, 3]), sigmoid(rows[:33, 4]))
        mask = roi.paste(sigmoid(out["Identity_2"][..., 0]), image.shape[:2])
        pose = Pose(float(out["Identity_1"][0]), points[:33], visible, mask)
        return pose, body_roi(points[_CENTRE], points[_SCALE])
