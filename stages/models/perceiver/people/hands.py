"""The hands of one person: where the pose has wrists, and where the palm detector sees palms."""

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
"""Of the left hand in a pose; the right hand's are one higher."""


Finder = Callable[[Image, Roi], Detections]
"""Faces inside a square of the photo."""


class HandFinder:
    """Finds up to two hands of a person and their stretched fingers.

    Args:
        faces: finds faces, which blurred look like fists to the hand model.
        score: least certainty of a hand, with its side.
        stretched: least length of a finger that is named, in hand sizes.
    """

    def __init__(self, faces: Finder, score: float = 0.6, stretched: float = 0.45) -> None:
        self._faces, self._score, self._stretched = faces, score, stretched
        self._palms = Detector(packages.read(PACKAGE, "palm_detection_full.tflite"), PALM)
        self._model = HandModel(packages.read(PACKAGE, "hand_landmark_full.tflite"))

    def __call__(self, image: Image, body: Mask, pose: Pose | None) -> dict[str, Hand]:
        """``left`` and ``right`` to the hand, as far as they are seen well."""
        squares = self._squares(body, pose)
        found = [self._look(image, roi) for roi in squares]
        for square in _neighbourhoods(body):
            palms = self._palms(image, square, 0.5)
            for box, points in zip(palms.boxes, palms.keypoints, strict=True):
                found.append(self._look(image, palm_roi(box, points)))
        hands: dict[str, Hand] = {}
        for hand in sorted((h for h in found if h is not None), key=lambda h: -h.score):
            if not _on(body, hand) or any(_same(hand, h) for h in hands.values()):
                continue
            side, certainty, anchored = judge(hand, pose)
            if side in hands or certainty < self._score:
                continue
            if anchored or not self._is_face(image, hand):
                hands[side] = replace(hand, score=certainty)
        return hands

    def _is_face(self, image: Image, hand: Hand) -> bool:
        """Whether a face is seen where the hand is said to be."""
        middle = hand.points.mean(0)
        square = Roi(float(middle[0]), float(middle[1]), 5 * hand.size)
        boxes = self._faces(image, square).boxes
        if not len(boxes):
            return False
        inside = (boxes[:, :2] <= middle) & (middle <= boxes[:, 2:])
        return bool(inside.all(1).any())

    def regions(self, hands: dict[str, Hand], shape: tuple[int, int]) -> list[Region]:
        """Hands, and fingers that neither fold nor hide behind each other."""
        out = []
        for side, hand in sorted(hands.items()):
            out.append(Region(f"{side} hand", "hand", hand.score, hand.mask(shape)))
            fingers = {n: hand.finger(n, shape) for n in FINGERS}
            for name, mask in fingers.items():
                others = np.zeros(shape, bool)
                for other, shadow in fingers.items():
                    if other != name:
                        others |= shadow
                apart = 1 - float((mask & others).sum()) / max(int(mask.sum()), 1)
                if hand.stretched(name) >= self._stretched and apart >= 0.6:
                    out.append(Region(f"{side} {name}", "finger", hand.score * apart, mask))
        return out

    def _look(self, image: Image, roi: Roi) -> Hand | None:
        """The hand in `roi` after a second, better centred look; None when it is not one."""
        hand = self._model(image, roi)
        if hand.score < 0.3:
            return None
        hand = self._model.steady(image, hand_roi(hand.points))
        return hand if hand.certainty >= self._score else None

    def _squares(self, body: Mask, pose: Pose | None) -> list[Roi]:
        if pose is None:
            return []
        out = []
        for shift in (0, 1):
            wrist, index, little = (pose.points[j + shift] for j in (WRIST, INDEX, LITTLE))
            inside = (wrist >= 0).all() and (wrist < (body.shape[1], body.shape[0])).all()
            if inside and pose.visible[WRIST + shift] >= 0.3:
                out.append(wrist_roi(wrist, index, little))
        return out


def _neighbourhoods(body: Mask) -> list[Roi]:
    """Squares along the person's box in which palms are big enough to be found."""
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    side = float(min(y1 - y0, x1 - x0)) * 1.2
    count = max(1, min(4, round(1.5 * max(y1 - y0, x1 - x0) / side)))
    half = side / 2.4
    xs = np.linspace(x0 + half, x1 - half, count) if x1 - x0 > y1 - y0 else [(x0 + x1) / 2] * count
    ys = np.linspace(y0 + half, y1 - half, count) if y1 - y0 >= x1 - x0 else [(y0 + y1) / 2] * count
    return [Roi(float(x), float(y), side) for x, y in zip(xs, ys, strict=True)]


def _on(body: Mask, hand: Hand) -> bool:
    """Whether most of the hand lies on the person."""
    mask = hand.mask((body.shape[0], body.shape[1]))
    return bool(mask.any()) and float((mask & body).sum()) >= 0.5 * float(mask.sum())


def _same(a: Hand, b: Hand) -> bool:
    return float(np.hypot(*(a.points - b.points).T).mean()) < 0.6 * max(a.size, b.size)


def judge(hand: Hand, pose: Pose | None) -> tuple[str, float, bool]:
    """Side, certainty and whether a wrist vouches for a hand.

    The side is that of the nearer wrist of the pose where this is clear, else what the hand looks
    like; where wrist and looks contradict each other the certainty falls.
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
    looks = hand.left if left else 1 - hand.left
    return "left" if left else "right", hand.certainty * min(1.0, 2 * looks), anchored
