"""Who is in the photo: faces and poses that agree, with one mask each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.anchors import Detections, iou
from stages.models.perceiver.people.detect import FACE_FAR, FACE_NEAR, POSE, Detector, merge, tiles
from stages.models.perceiver.people.face import CHIN, FOREHEAD, NOSE_TIP, Face, FaceModel, face_roi
from stages.models.perceiver.people.geometry import Array, Roi
from stages.models.perceiver.people.ownership import Claim, divide
from stages.models.perceiver.people.pose import (
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    Pose,
    PoseModel,
    body_roi,
)
from stages.models.weights import packages
from stages.records.images import Image
from stages.records.masks import Mask

PACKAGE = "mediapipe"
_SQUARES = ((2.0, 9.0), (0.5, 5.0))
"""Where to look for the body of a face: how far below it and how wide, in face sizes."""
_BUSTS = (6.0, 4.5, 3.0)
"""Sides of the squares in which the bust of a face is segmented, in face sizes: a
smaller one is tried where the face is missed."""
_LIMBS = (13, 14, 25, 26)
"""Elbows and knees."""
_HIPS, _SHOULDERS = (LEFT_HIP, RIGHT_HIP), (LEFT_SHOULDER, RIGHT_SHOULDER)


@dataclass(frozen=True)
class Limits:
    """What a person must reach. Found by looking at 330 photos of people, animals and things."""

    detection: float = 0.575
    """Face detector's score."""
    mesh: float = 0.8
    """Face mesh's score in all looks: below it the face's features are not named."""
    spread: float = 0.06
    """Greatest distance between the mesh's looks, in face sizes: wheels and cats reach 0.1."""
    lone: float = 0.7
    """Face detector's score when no pose goes with the face."""
    bodied: float = 0.65
    """Face detector's score when a whole pose goes with a face that the mesh is unsure of."""
    pose: float = 0.9
    """Pose score when the mesh does not vouch for the face."""
    agreement: float = 0.6
    """Greatest distance between the pose's nose and the face's, in face sizes."""


@dataclass(frozen=True)
class Person:
    """One person; at least one of `face` and `pose` is there."""

    score: float
    face: Face | None
    """None when it is turned away, covered or too small to measure."""
    pose: Pose | None
    mask: Mask


class PeopleFinder:
    """Finds people by their faces. A body without any face is not taken for a person."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._faces = [
            Detector(_read("face_detection_full_range_sparse.tflite"), FACE_FAR),
            Detector(_read("face_detection_short_range.tflite"), FACE_NEAR),
        ]
        self._mesh = FaceModel(_read("face_landmark.tflite"))
        self._bodies = Detector(_read("pose_detection.tflite"), POSE)
        self._pose = PoseModel(_read("pose_landmark_full.tflite"))
        self._selfie = LiteModel(_read("selfie_segmentation.tflite"))

    def __call__(self, image: Image) -> list[Person]:
        """People in the photo, biggest face first; masks do not overlap."""
        found: list[tuple[float, Face, Pose | None]] = []
        for score, face in self._candidates(image):
            pose, distance = self._body(image, face)
            agrees = pose is not None and distance <= self.limits.agreement
            if agrees and pose is not None and (self._sure(face) or self._whole(score, pose)):
                found.append((score, face, pose))
            elif self._stands_alone(score, face):
                found.append((score, face, None))
        found = [f for f in _distinct(found) if f[2] is not None or self._stands_alone(*f[:2])]
        masks = self._masks(image, found)
        return [
            Person(score, face if self._sure(face) else None, pose, mask)
            for (score, face, pose), mask in zip(found, masks, strict=True)
            if mask.any()
        ]

    def _sure(self, face: Face) -> bool:
        """Whether the mesh holds still and calls it a face in all looks."""
        return face.score >= self.limits.mesh and face.spread <= self.limits.spread

    def faces(self, image: Image, *squares: Roi) -> Detections:
        """Faces in squares of the photo by either detector."""
        least = self.limits.detection
        return merge([detect(image, roi, least) for roi in squares for detect in self._faces])

    def _whole(self, score: float, pose: Pose) -> bool:
        """A body beyond doubt: upright, with three of its elbows and knees seen."""
        if score < self.limits.bodied:
            return False
        joints = int((pose.visible[list(_LIMBS)] >= 0.5).sum())
        hips, shoulders = (pose.points[list(pair)].mean(0) for pair in (_HIPS, _SHOULDERS))
        upright = float(hips[1] - shoulders[1]) > abs(float(hips[0] - shoulders[0]))
        return pose.score >= self.limits.pose and joints >= 3 and upright

    def _stands_alone(self, score: float, face: Face) -> bool:
        return self._sure(face) and score >= self.limits.lone

    def _candidates(self, image: Image) -> list[tuple[float, Face]]:
        """Detected faces with their meshes, biggest first."""
        found = self.faces(image, *tiles(image.shape[1], image.shape[0]))
        faces = list[tuple[float, Face]]()
        for score, box, points in zip(found.scores, found.boxes, found.keypoints, strict=True):
            face = self._mesh(image, face_roi(box, points[0], points[1]))
            faces.append((float(score), self._mesh.steady(image, face)))
        return sorted(faces, key=lambda f: -f[1].size)

    def _body(self, image: Image, face: Face) -> tuple[Pose | None, float]:
        """The pose that fits a face best, and its nose's distance from it in face sizes."""
        x, y = (float(v) for v in face.centre)
        span = max(image.shape[0], image.shape[1])
        squares = [Roi(x, y + lift * face.size, side * face.size) for lift, side in _SQUARES]
        best: tuple[Pose | None, float] = (None, np.inf)
        least = np.inf
        for square in [*squares, Roi(image.shape[1] / 2, image.shape[0] / 2, span)]:
            for hips, rim in self._bodies(image, square, 0.3).keypoints[:3, :2]:
                _, better = self._pose(image, body_roi(hips, rim))
                pose = self._pose.steady(image, better)
                distance = float(np.hypot(*(pose.points[NOSE] - face.points[NOSE_TIP]))) / face.size
                misfit = distance + 2 * (1 - pose.score) + build_misfit(pose.points, face)
                if pose.score >= 0.5 and distance <= self.limits.agreement and misfit < least:
                    best, least = (pose, distance), misfit
        return best

    def _masks(self, image: Image, found: list[tuple[float, Face, Pose | None]]) -> list[Mask]:
        """One mask a person."""
        claims = []
        for _, face, pose in found:
            probability = self._segment(image, face, pose)
            claims.append(Claim(probability, face, self._sure(face), pose))
        return divide(image, claims) if claims else []

    def _segment(self, image: Image, face: Face, pose: Pose | None) -> Array:
        """(H, W) probability of the person: the first attempt that covers a sure face."""
        oval = face.oval((image.shape[0], image.shape[1]))
        best, most = np.zeros(oval.shape, np.float32), -1.0
        for side in (None, *_BUSTS) if pose is not None else _BUSTS:
            if side is None and pose is not None:
                probability = pose.mask
            else:
                probability = self._bust(image, face, side or _BUSTS[0])
            covered = float((probability[oval] > 0.5).mean()) if oval.any() else 0.0
            if covered > most:
                best, most = probability, covered
            if covered >= 0.8 or not self._sure(face):
                break
        return best

    def _bust(self, image: Image, face: Face, side: float) -> Array:
        """(H, W) probability of the person around a face, by selfie segmentation of the bust."""
        x, y = (float(v) for v in face.centre)
        square = Roi(x, y + 0.2 * side * face.size, side * face.size)
        crop = square.cut(image, self._selfie.size[0])
        return square.paste(self._selfie(crop)["activation_10"][..., 0], image.shape[:2])


def build_misfit(points: Array, face: Face) -> float:
    """How far a pose's (33, 2) proportions are from those that go with a face; 0 is a good build.

    A torso is about 3.3 face sizes long, a thigh 2.9; the shoulders lie below the face.
    """
    down = points[list(_HIPS)].mean(0) - points[list(_SHOULDERS)].mean(0)
    length = max(float(np.hypot(*down)) / face.size, 1e-3)
    neck = points[list(_SHOULDERS)].mean(0) - face.centre
    upside = float(neck @ (face.points[CHIN] - face.points[FOREHEAD])) <= 0
    bones = points[[LEFT_KNEE, RIGHT_KNEE]] - points[list(_HIPS)]
    thigh = max(float(np.hypot(*bones.T).max()) / face.size, 1e-3)
    build = abs(math.log(length / 3.3)) + 0.5 * abs(math.log(thigh / 2.9))
    return build + (1.0 if upside else 0.0)


def _read(member: str) -> bytes:
    return packages.read(PACKAGE, member)


def _distinct(
    found: list[tuple[float, Face, Pose | None]],
) -> list[tuple[float, Face, Pose | None]]:
    """One entry a face and a body: what sees the same face or wears the same body falls out."""
    kept: list[tuple[float, Face, Pose | None]] = []
    order = sorted(found, key=lambda f: (f[2] is None, f[1].score < 0.5, -f[1].size))
    for score, face, pose in order:
        box = np.concatenate([face.points.min(0), face.points.max(0)])
        boxes = np.array([np.concatenate([f.points.min(0), f.points.max(0)]) for _, f, _ in kept])
        if kept and float(iou(box, boxes.astype(np.float32)).max()) > 0.2:
            continue
        if pose is not None and any(p is not None and _same_body(pose, p) for _, _, p in kept):
            pose = None
        kept.append((score, face, pose))
    return kept


def _same_body(a: Pose, b: Pose) -> bool:
    """Two poses that put shoulders and hips in the same places."""
    joints = [11, 12, 23, 24]
    span = float(np.hypot(*(a.points[11] - a.points[24]))) + 1.0
    return float(np.hypot(*(a.points[joints] - b.points[joints]).T).mean()) < 0.25 * span
