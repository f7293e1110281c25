"""Hand landmarks: 21 points in an upright crop, located by the wrist or by the palm detector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.geometry import Array, Roi, fill_capsules, fill_hull, roi_angle
from stages.records.images import Image
from stages.records.masks import Mask

FINGERS = {
    "thumb": (2, 3, 4),
    "index finger": (5, 6, 7, 8),
    "middle finger": (9, 10, 11, 12),
    "ring finger": (13, 14, 15, 16),
    "little finger": (17, 18, 19, 20),
}
"""Landmarks from the knuckle to the tip."""
_PALM = (0, 1, 2, 5, 9, 13, 17)
_FRAME = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Landmarks that hardly move when the fingers bend."""
_HALF_SPREAD = 0.15
"""Distance between two predictions, in hand sizes, that halves the certainty."""


@dataclass(frozen=True)
class Hand:
    """One hand in photo pixels."""

    score: float
    """Probability that the crop holds a hand."""
    left: float
    """Probability that it is a left hand."""
    points: Array
    """(21, 2)"""
    spread: float = 0.0
    """Mean distance between the landmarks of two predictions, in hand sizes."""

    @property
    def size(self) -> float:
        """Wrist to middle knuckle or breadth of the knuckles, whichever is longer, in pixels."""
        length = np.hypot(*(self.points[9] - self.points[0]))
        breadth = 1.2 * np.hypot(*(self.points[17] - self.points[5]))
        return float(max(length, breadth, 1.0))

    @property
    def certainty(self) -> float:
        """The score, lowered if two predictions disagree about the landmarks."""
        return self.score / (1 + (self.spread / _HALF_SPREAD) ** 2)

    def finger_mask(self, name: str, shape: tuple[int, int]) -> Mask:
        """Return the mask of a finger, drawn as a chain of capsules."""
        chain = list(FINGERS[name])
        radii = np.linspace(0.125, 0.085, len(chain)) * self.size
        return fill_capsules(self.points[chain], radii.astype(np.float32), shape)

    def finger_length(self, name: str) -> float:
        """Return the distance from knuckle to tip in hand sizes: small for a folded finger."""
        chain = FINGERS[name]
        return float(np.hypot(*(self.points[chain[-1]] - self.points[chain[0]]))) / self.size

    def mask(self, shape: tuple[int, int]) -> Mask:
        """Return the mask of palm and fingers."""
        palm = fill_hull(self.points[list(_PALM)], shape)
        reach = max(round(0.08 * self.size), 1)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        out = cv2.dilate(palm.astype(np.uint8), disc).astype(bool)
        for name in FINGERS:
            out |= self.finger_mask(name, shape)
        return out


def wrist_roi(wrist: Array, index: Array, little: Array) -> Roi:
    """Return the crop in which a hand is expected, from the pose's wrist and knuckles."""
    middle = (2 * index + little) / 3
    return _upright_square(middle, wrist, middle, 2.7 * 2 * float(np.hypot(*(middle - wrist))), 0.1)


def palm_roi(box: Array, keypoints: Array) -> Roi:
    """Return a detected palm's crop: 2.6 times its (4,) box, shifted half a box to the fingers."""
    side = max(float(box[2] - box[0]), float(box[3] - box[1]))
    centre = (box[:2] + box[2:]) / 2
    return _upright_square(centre, keypoints[0], keypoints[2], 2.6 * side, 0.5 / 2.6)


def hand_roi(points: Array) -> Roi:
    """Return the crop for a second prediction, from the (21, 2) landmarks of the first."""
    knuckles = (points[5] + 2 * points[9] + points[13]) / 4
    frame = Roi(0, 0, 1, roi_angle(points[0], knuckles, math.pi / 2))
    local = frame.to_crop(points[list(_FRAME)])
    low, high = local.min(0), local.max(0)
    centre = frame.to_photo(((low + high) / 2)[None])[0]
    return _upright_square(centre, points[0], knuckles, 2.0 * float((high - low).max()), 0.05)


def _upright_square(centre: Array, wrist: Array, fingers: Array, size: float, lift: float) -> Roi:
    """Return a square with the fingers up, shifted towards them by `lift` of its side."""
    size, angle = max(size, 8.0), roi_angle(wrist, fingers, math.pi / 2)
    x = float(centre[0]) + lift * size * math.sin(angle)
    y = float(centre[1]) - lift * size * math.cos(angle)
    return Roi(x, y, size, angle)


class HandModel:
    """MediaPipe's hand landmark model (full)."""

    def __init__(self, content: bytes) -> None:
        self._model = LiteModel(content)

    def __call__(self, image: Image, roi: Roi, mirror: bool = False) -> Hand:
        """Predict the hand in `roi`, from the crop or from its mirror image."""
        side = self._model.size[0]
        crop = roi.cut(image, side)
        out = self._model(np.ascontiguousarray(crop[:, ::-1]) if mirror else crop)
        local = out["Identity"].reshape(21, 3)[:, :2]
        # the second output is read as the probability of a right hand: it then agrees with the
        # nearer wrist of the pose for 73 of 84 hands
        score, left = float(out["Identity_1"][0]), 1 - float(out["Identity_2"][0])
        if mirror:
            local, left = (
                local * np.array([-1, 1], np.float32) + np.array([side, 0], np.float32),
                1 - left,
            )
        return Hand(score, left, roi.to_photo(local, side))

    def predict_twice(self, image: Image, roi: Roi) -> Hand:
        """Average the predictions of `roi` and of its mirror image; the score is the minimum."""
        a, b = self(image, roi), self(image, roi, mirror=True)
        away = float(np.hypot(*(a.points - b.points).T).mean()) / a.size
        left, points = (a.left + b.left) / 2, (a.points + b.points) / 2
        return Hand(min(a.score, b.score), left, points, away)
