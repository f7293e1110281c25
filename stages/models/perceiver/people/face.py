"""Face mesh: 468 landmarks in a levelled crop of the face (arXiv 1907.06724)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.geometry import Array, Roi, fill_hull, fill_polygon, roi_angle
from stages.models.perceiver.people.pose import sigmoid
from stages.records.images import Image
from stages.records.masks import Mask

# Vertices of MediaPipe's canonical face model; left and right are the person's own.
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LEFT_EYE = (467, 260, 259, 257, 258, 286, 414, 359, 255, 339, 254, 253, 252, 256, 341, 463)
RIGHT_EYE = (247, 30, 29, 27, 28, 56, 190, 130, 25, 110, 24, 23, 22, 26, 112, 243)
MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
NOSE = (168, 193, 417, 122, 351, 129, 358, 64, 294, 98, 327, 2, 48, 278)
FEATURES = {"left eye": LEFT_EYE, "right eye": RIGHT_EYE, "nose": NOSE, "mouth": MOUTH}
NOSE_TIP, CHIN, FOREHEAD = 1, 152, 10
_TURN = math.radians(15)


@dataclass(frozen=True)
class Face:
    """One face in photo pixels."""

    score: float
    """Probability that the crop holds a face."""
    points: Array
    """(468, 2)"""
    spread: float = 0.0
    """Mean distance between the landmarks of two predictions, in face sizes."""

    @property
    def centre(self) -> Array:
        """Middle of the oval, (2,)."""
        return self.points[list(OVAL)].mean(0)

    @property
    def size(self) -> float:
        """Side of the square with the area of the oval, in pixels."""
        return math.sqrt(max(float(cv2.contourArea(self.points[list(OVAL)])), 1.0))

    def oval_mask(self, shape: tuple[int, int]) -> Mask:
        """Return the mask of the face, forehead to chin."""
        return fill_polygon(self.points[list(OVAL)], shape)

    def feature_mask(self, name: str, shape: tuple[int, int]) -> Mask:
        """Return the mask of an eye with its lids, the nose or the mouth: hull of its vertices."""
        return fill_hull(self.points[list(FEATURES[name])], shape)

    def feature_frontality(self, name: str) -> float:
        """Return how frontally a feature is seen: 1 from the front, 0 at or behind the outline.

        This is the distance of the feature's middle from the oval, relative to a frontal face.
        """
        return self.frontality(FEATURES[name])

    def frontality(self, vertices: tuple[int, ...]) -> float:
        """Compute `feature_frontality` for any vertices."""
        middle = self.points[list(vertices)].mean(0)
        oval = self.points[list(OVAL)]
        inside = cv2.pointPolygonTest(oval, (float(middle[0]), float(middle[1])), measureDist=True)
        frontal = 0.2 * self.size
        return float(np.clip(inside / frontal, 0, 1))


def face_roi(box: Array, left: Array, right: Array) -> Roi:
    """Return the square of 1.5 times a detected (4,) box, rotated so that the eyes are level.

    `left` and `right` are the eyes as seen by the viewer.
    """
    side = max(float(box[2] - box[0]), float(box[3] - box[1]))
    return Roi(
        float(box[0] + box[2]) / 2,
        float(box[1] + box[3]) / 2,
        1.5 * side,
        roi_angle(left, right, 0.0),
    )


def mesh_roi(points: Array) -> Roi:
    """Return the crop for another prediction: 1.5 times the landmarks' (468, 2) box, eyes level."""
    right, left = points[list(RIGHT_EYE)].mean(0), points[list(LEFT_EYE)].mean(0)
    frame = Roi(0, 0, 1, roi_angle(right, left, 0.0))
    local = frame.to_crop(points)
    low, high = local.min(0), local.max(0)
    centre = frame.to_photo(((low + high) / 2)[None])[0]
    size = 1.5 * max(float((high - low).max()), 8.0)
    return Roi(float(centre[0]), float(centre[1]), size, frame.angle)


class FaceModel:
    """MediaPipe's face landmark model without attention, which would need a custom operator."""

    def __init__(self, content: bytes) -> None:
        self._model = LiteModel(content)

    def __call__(self, image: Image, roi: Roi) -> Face:
        """Predict the face in `roi`."""
        side = self._model.size[0]
        out = self._model(roi.cut(image, side))
        points = out["conv2d_21"].reshape(468, 3)[:, :2]
        score = sigmoid(out["conv2d_31"].ravel())[0]
        return Face(float(score), roi.to_photo(points, side))

    def predict_twice(self, image: Image, face: Face) -> Face:
        """Average two predictions in crops derived from `face`, one of them rotated.

        Landmarks of a real face stay in place when the crop is rotated; hallucinated ones rotate
        with the crop. The score is the minimum of the two.
        """
        roi = mesh_roi(face.points)
        straight = self(image, roi)
        turned = self(image, replace(roi, angle=roi.angle + _TURN, size=roi.size * 1.1))
        away = np.hypot(*(straight.points - turned.points).T).mean() / straight.size
        score = min(straight.score, turned.score)
        return Face(score, (straight.points + turned.points) / 2, float(away))
