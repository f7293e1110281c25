"""Find the hands of one person at the wrists of the pose and at detected palms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from stages.models.perceiver.people.anchors import Detections
from stages.models.perceiver.people.detect import PALM, Detector
from stages.models.perceiver.people.geometry import Roi
from stages.models.perceiver.people.hand import (
    FINGERS,
    Hand,
    HandModel,
    hand_roi,
    palm_roi,
    wrist_roi,
)
from stages.models.perceiver.people.person import PACKAGE
from stages.models.perceiver.people.pose import Pose
from stages.models.perceiver.regions import Region
from stages.models.weights import packages
from stages.records.images import Image
from stages.records.masks import Mask

WRIST, INDEX, LITTLE = 15, 19, 17
"""Landmarks of the left hand in a pose; those of the right hand are one higher."""

Finder = Callable[[Image, Roi], Detections]
"""Detects faces inside a square of the photo."""


class HandFinder:
    """Finds up to two hands of a person and their extended fingers.

    Args:
        detect_faces: used to reject blurred faces, which look like fists to the hand model.
        min_certainty: minimum certainty of a hand and its side.
        min_length: minimum length of a finger that is named, in hand sizes.
    """

    def __init__(
        self, detect_faces: Finder, min_certainty: float = 0.6, min_length: float = 0.45
    ) -> None:
        self._detect_faces = detect_faces
        self._min_certainty, self._min_length = min_certainty, min_length
        self._palms = Detector(packages.read(PACKAGE, "palm_detection_full.tflite"), PALM)
        self._model = HandModel(packages.read(PACKAGE, "hand_landmark_full.tflite"))

    def __call__(self, image: Image, body: Mask, pose: Pose | None) -> dict[str, Hand]:
        """Return the hands that are certain enough, by side: ``left`` and ``right``."""
        squares = self._wrist_squares(body, pose)
        found = [self._measure(image, roi) for roi in squares]
        for square in _search_squares(body):
            palms = self._palms(image, square, 0.5)
            for box, points in zip(palms.boxes, palms.keypoints, strict=True):
                found.append(self._measure(image, palm_roi(box, points)))
        hands: dict[str, Hand] = {}
        for hand in sorted((h for h in found if h is not None), key=lambda h: -h.score):
            if not _lies_on(body, hand) or any(_is_same_hand(hand, h) for h in hands.values()):
                continue
            side, certainty, anchored = assess_hand(hand, pose)
            if side in hands or certainty < self._min_certainty:
                continue
            if anchored or not self._is_face(image, hand):
                hands[side] = replace(hand, score=certainty)
        return hands

    def _is_face(self, image: Image, hand: Hand) -> bool:
        """Return whether a face is detected at the place of the hand."""
        middle = hand.points.mean(0)
        square = Roi(float(middle[0]), float(middle[1]), 5 * hand.size)
        boxes = self._detect_faces(image, square).boxes
        if not len(boxes):
            return False
        inside = (boxes[:, :2] <= middle) & (middle <= boxes[:, 2:])
        return bool(inside.all(1).any())

    def regions(self, hands: dict[str, Hand], shape: tuple[int, int]) -> list[Region]:
        """Return hands, and fingers that are neither folded nor behind each other."""
        out = []
        for side, hand in sorted(hands.items()):
            out.append(Region(f"{side} hand", "hand", hand.score, hand.mask(shape)))
            fingers = {n: hand.finger_mask(n, shape) for n in FINGERS}
            for name, mask in fingers.items():
                others = np.zeros(shape, bool)
                for other, shadow in fingers.items():
                    if other != name:
                        others |= shadow
                apart = 1 - float((mask & others).sum()) / max(int(mask.sum()), 1)
                if hand.finger_length(name) >= self._min_length and apart >= 0.6:
                    out.append(Region(f"{side} {name}", "finger", hand.score * apart, mask))
        return out

    def _measure(self, image: Image, roi: Roi) -> Hand | None:
        """Predict the hand in `roi` and again in a better centred crop; None if it is no hand."""
        hand = self._model(image, roi)
        if hand.score < 0.3:
            return None
        hand = self._model.predict_twice(image, hand_roi(hand.points))
        return hand if hand.certainty >= self._min_certainty else None

    def _wrist_squares(self, body: Mask, pose: Pose | None) -> list[Roi]:
        if pose is None:
            return []
        out = []
        for shift in (0, 1):
            wrist, index, little = (pose.points[j + shift] for j in (WRIST, INDEX, LITTLE))
            inside = (wrist >= 0).all() and (wrist < (body.shape[1], body.shape[0])).all()
            if inside and pose.visible[WRIST + shift] >= 0.3:
                out.append(wrist_roi(wrist, index, little))
        return out


def _search_squares(body: Mask) -> list[Roi]:
    """Return squares along the person's box in which palms are large enough to be detected."""
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = float(min(y1 - y0, x1 - x0)) * 1.2
    count = max(1, min(4, round(1.5 * max(y1 - y0, x1 - x0) / side)))
    half = side / 2.4
    xs = np.linspace(x0 + half, x1 - half, count) if x1 - x0 > y1 - y0 else [(x0 + x1) / 2] * count
    ys = np.linspace(y0 + half, y1 - half, count) if y1 - y0 >= x1 - x0 else [(y0 + y1) / 2] * count
    return [Roi(float(x), float(y), side) for x, y in zip(xs, ys, strict=True)]


def _lies_on(body: Mask, hand: Hand) -> bool:
    """Return whether most of the hand lies on the person."""
    mask = hand.mask((body.shape[0], body.shape[1]))
    return bool(mask.any()) and float((mask & body).sum()) >= 0.5 * float(mask.sum())


def _is_same_hand(a: Hand, b: Hand) -> bool:
    return float(np.hypot(*(a.points - b.points).T).mean()) < 0.6 * max(a.size, b.size)


def assess_hand(hand: Hand, pose: Pose | None) -> tuple[str, float, bool]:
    """Return side, certainty and whether the hand is at a wrist of the pose.

    The side is that of the nearer wrist if this is clear, else the predicted side of the hand. If
    wrist and prediction disagree, the certainty is lowered.
    """
    left = hand.left >= 0.5
    anchored = False
    if pose is not None:
        wrists = pose.points[[WRIST, WRIST + 1]]
        away = np.hypot(*(wrists - hand.points[0]).T) / hand.size
        nearest = int(away.argmin())
        anchored = bool(away[nearest] < 1.0 and pose.visible[WRIST + nearest] >= 0.3)
        if anchored and away[1 - nearest] > 2 * away[nearest]:
            left = nearest == 0
    agreement = hand.left if left else 1 - hand.left
    return "left" if left else "right", hand.certainty * min(1.0, 2 * agreement), anchored
