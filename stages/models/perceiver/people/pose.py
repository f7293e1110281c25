"""Body pose: 33 landmarks and a person mask from one crop (BlazePose, arXiv 2006.10204)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.geometry import Array, Roi, roi_angle
from stages.records.images import Image

NOSE, LEFT_EAR, RIGHT_EAR = 0, 7, 8
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP, LEFT_KNEE, RIGHT_KNEE = 11, 12, 23, 24, 25, 26
_PAIRS = np.arange(11, 33).reshape(-1, 2)
MIRROR = np.array([0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *_PAIRS[:, ::-1].flat])
"""Index of each landmark's counterpart on the other side."""
_CENTRE, _SCALE = 33, 34
"""Auxiliary landmarks: middle of the hips, and a point on the circle around the whole body."""


@dataclass(frozen=True)
class Pose:
    """Pose of one person in photo pixels. Left and right are the person's own."""

    score: float
    """Probability that the crop holds a person."""
    points: Array
    """(33, 2)"""
    visible: Array
    """(33,) probability that a landmark is inside the image and not hidden."""
    mask: Array
    """(H, W) probability of belonging to this person."""
    depth: Array = field(default_factory=lambda: np.zeros(33, np.float32))
    """(33,) distance behind the hips in pixels; negative is nearer to the camera."""
    spread: Array = field(default_factory=lambda: np.zeros(33, np.float32))
    """(33,) distance in pixels between two predictions (see `PoseModel.predict_twice`)."""


def body_roi(centre: Array, rim: Array) -> Roi:
    """Return the upright square of 1.25 times the circle around `centre` through `rim` (pixels)."""
    radius = float(np.hypot(*(np.asarray(rim) - centre)))
    return Roi(
        float(centre[0]),
        float(centre[1]),
        2.5 * max(radius, 1.0),
        roi_angle(centre, rim, math.pi / 2),
    )


def refine(points: Array, heatmap: Array, kernel: int = 7, floor: float = 0.5) -> Array:
    """Move landmarks (N, 2) in 0..1 to the local mean of their heatmaps (h, w, N) of logits.

    A landmark whose neighbourhood has a maximum below `floor` is not moved.
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
    """Convert logits to probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))), np.float32)


class PoseModel:
    """MediaPipe's pose landmark model (full)."""

    def __init__(self, content: bytes) -> None:
        self._model = LiteModel(content)

    def __call__(self, image: Image, roi: Roi) -> tuple[Pose, Roi]:
        """Predict the pose in `roi`; returns it and the better crop that its landmarks suggest."""
        return self._predict(image, roi, mirror=False)

    def predict_twice(self, image: Image, roi: Roi) -> Pose:
        """Average the predictions of `roi` and of its mirror image.

        A visible limb is predicted in the same place in both, a hidden one is not. `spread` is the
        distance between the two, `visible` and the score are the minimum.
        """
        plain, _ = self._predict(image, roi, mirror=False)
        mirrored, _ = self._predict(image, roi, mirror=True)
        return Pose(
            min(plain.score, mirrored.score),
            (plain.points + mirrored.points) / 2,
            np.minimum(plain.visible, mirrored.visible),
            (plain.mask + mirrored.mask) / 2,
            (plain.depth + mirrored.depth) / 2,
            np.hypot(*(plain.points - mirrored.points).T),
        )

    def _predict(self, image: Image, roi: Roi, mirror: bool) -> tuple[Pose, Roi]:
        side = self._model.size[0]
        crop = roi.cut(image, side)
        out = self._model(np.ascontiguousarray(crop[:, ::-1]) if mirror else crop)
        rows, mask = out["Identity"].reshape(39, 5), out["Identity_2"][..., 0]
        local = refine(rows[:, :2] / np.float32(side), out["Identity_3"])
        visible = np.minimum(sigmoid(rows[:33, 3]), sigmoid(rows[:33, 4]))
        depth = rows[:33, 2] * np.float32(roi.size / side)
        if mirror:
            local = local * np.array([-1, 1], np.float32) + np.array([1, 0], np.float32)
            local[:33], visible, depth = local[MIRROR], visible[MIRROR], depth[MIRROR]
            mask = np.ascontiguousarray(mask[:, ::-1])
        points = roi.to_photo(local)
        person = roi.paste(sigmoid(mask), image.shape[:2])
        pose = Pose(float(out["Identity_1"][0]), points[:33], visible, person, depth)
        return pose, body_roi(points[_CENTRE], points[_SCALE])
