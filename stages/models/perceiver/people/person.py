"""Find people: faces with matching poses and one mask each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.anchors import Detections
from stages.models.perceiver.people.boxes import PersonDetector
from stages.models.perceiver.people.detect import (
    FACE_FAR,
    FACE_NEAR,
    POSE,
    Detector,
    merge,
    search_squares,
)
from stages.models.perceiver.people.face import NOSE_TIP, Face, FaceModel, face_roi
from stages.models.perceiver.people.faceless import find_bodies
from stages.models.perceiver.people.geometry import Array, Roi
from stages.models.perceiver.people.matching import (
    build_misfit,
    find_nearest_face,
    is_same_body,
    remove_duplicates,
)
from stages.models.perceiver.people.ownership import Claim, divide_pixels
from stages.models.perceiver.people.pose import (
    LEFT_HIP,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_HIP,
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
"""Squares in which to search for the body of a face: offset below it and side, in face sizes."""
_BUSTS = (6.0, 4.5, 3.0)
"""Sides of the squares in which the bust of a face is segmented, in face sizes; if the mask misses
the face, the next smaller square is tried."""
_LIMBS = (13, 14, 25, 26)
"""Elbows and knees."""
_HIPS, _SHOULDERS = (LEFT_HIP, RIGHT_HIP), (LEFT_SHOULDER, RIGHT_SHOULDER)


@dataclass(frozen=True)
class PersonThresholds:
    """What a person has to reach. Chosen by inspecting 330 photos of people, animals and things."""

    detection: float
    """Minimum score of the face detector."""
    mesh: float = 0.8
    """Minimum score of the face mesh in both predictions; below it no features are named."""
    spread: float = 0.06
    """Maximum distance between the mesh's predictions, in face sizes; wheels and cats reach 0.1."""
    lone: float = 0.7
    """Minimum score of the face detector for a face without a pose."""
    bodied: float = 0.65
    """Minimum score of the face detector for a face with a complete pose and an uncertain mesh."""
    pose: float = 0.9
    """Minimum score of the pose for a face with an uncertain mesh."""
    body: float = 0.18
    """Minimum evidence of a person without a face (`faceless.Body`)."""
    agreement: float = 0.6
    """Maximum distance between the nose of the pose and that of the face, in face sizes."""
    other: float = 1.5
    """Distance of the noses, in face sizes, beyond which face and pose belong to two people."""


@dataclass(frozen=True)
class Person:
    """One person; at least one of `face` and `pose` is not None."""

    score: float
    face: Face | None
    """None if it is turned away, covered or too small to measure."""
    pose: Pose | None
    mask: Mask


class PeopleFinder:
    """Finds people by their faces, and bodies with or without a face by boxes and poses."""

    def __init__(self, thresholds: PersonThresholds) -> None:
        self.thresholds = thresholds
        self._faces = [
            Detector(_read("face_detection_full_range_sparse.tflite"), FACE_FAR),
            Detector(_read("face_detection_short_range.tflite"), FACE_NEAR),
        ]
        self._mesh = FaceModel(_read("face_landmark.tflite"))
        self._bodies = Detector(_read("pose_detection.tflite"), POSE)
        self._pose = PoseModel(_read("pose_landmark_full.tflite"))
        self._selfie = LiteModel(_read("selfie_segmentation.tflite"))
        self._boxes = PersonDetector()

    def __call__(self, image: Image) -> list[Person]:
        """Find the people in a photo: largest face first, then those without a face.

        Masks do not overlap.
        """
        found: list[tuple[float, Face, Pose | None]] = []
        for score, face in self._find_faces(image):
            pose, distance = self._find_body(image, face)
            agrees = pose is not None and distance <= self.thresholds.agreement
            if (
                agrees
                and pose is not None
                and (self._is_face_certain(face) or self._is_body_certain(score, pose))
            ):
                found.append((score, face, pose))
            elif self._is_face_sufficient(score, face):
                found.append((score, face, None))
        found = [
            f
            for f in remove_duplicates(found)
            if f[2] is not None or self._is_face_sufficient(*f[:2])
        ]
        claims = self._make_claims(image, found)
        people = [
            Person(score, face if self._is_face_certain(face) else None, pose, mask)
            for (score, face, pose), mask in zip(found, divide_pixels(image, claims), strict=True)
        ]
        people = self._add_bodies(image, people, claims)
        return [person for person in people if person.mask.any()]

    def _add_bodies(self, image: Image, people: list[Person], claims: list[Claim]) -> list[Person]:
        """Give people without a pose the body in their box, and add people without a face."""
        whole = [p.mask for p in people if p.pose is not None and p.mask.any()]
        busts = [p.mask for p in people if p.pose is None and p.mask.any()]
        found = find_bodies(image, self._boxes(image), whole, busts, self._bodies, self._pose)
        people, claims, faces = list(people), list(claims), len(people)
        poses = [p.pose for p in people if p.pose is not None]
        before = len(poses)
        for body in found:
            if body.evidence < self.thresholds.body or any(
                is_same_body(body.pose, pose) for pose in poses
            ):
                continue
            owner, away = find_nearest_face(body.pose, claims[:faces])
            if away <= self.thresholds.agreement:
                claims[owner] = replace(claims[owner], probability=body.pose.mask, pose=body.pose)
                people[owner] = replace(people[owner], pose=body.pose)
            elif away <= self.thresholds.other:
                continue
            else:
                claims.append(Claim(body.pose.mask, None, False, body.pose))
                people.append(Person(body.score, None, body.pose, body.pose.mask > 0.5))
            poses.append(body.pose)
        if len(poses) == before:
            return people
        masks = divide_pixels(image, claims)
        return [
            replace(person, mask=mask)
            for i, (person, mask) in enumerate(zip(people, masks, strict=True))
            if i < faces or _remains(mask, person.mask)
        ]

    def _is_face_certain(self, face: Face) -> bool:
        """Return whether both predictions of the mesh call it a face and agree."""
        return face.score >= self.thresholds.mesh and face.spread <= self.thresholds.spread

    def detect_faces(self, image: Image, *squares: Roi) -> Detections:
        """Detect faces in squares of the photo with both detectors."""
        minimum = self.thresholds.detection
        return merge([detect(image, roi, minimum) for roi in squares for detect in self._faces])

    def _is_body_certain(self, score: float, pose: Pose) -> bool:
        """Return whether the body is upright and three of its elbows and knees are visible."""
        if score < self.thresholds.bodied:
            return False
        joints = int((pose.visible[list(_LIMBS)] >= 0.5).sum())
        hips, shoulders = (pose.points[list(pair)].mean(0) for pair in (_HIPS, _SHOULDERS))
        upright = float(hips[1] - shoulders[1]) > abs(float(hips[0] - shoulders[0]))
        return pose.score >= self.thresholds.pose and joints >= 3 and upright

    def _is_face_sufficient(self, score: float, face: Face) -> bool:
        return self._is_face_certain(face) and score >= self.thresholds.lone

    def _find_faces(self, image: Image) -> list[tuple[float, Face]]:
        """Detect faces and compute their meshes, largest first."""
        found = self.detect_faces(image, *search_squares(image.shape[1], image.shape[0]))
        faces = list[tuple[float, Face]]()
        for score, box, points in zip(found.scores, found.boxes, found.keypoints, strict=True):
            face = self._mesh(image, face_roi(box, points[0], points[1]))
            faces.append((float(score), self._mesh.predict_twice(image, face)))
        return sorted(faces, key=lambda f: -f[1].size)

    def _find_body(self, image: Image, face: Face) -> tuple[Pose | None, float]:
        """Return the best pose for a face, and the distance of the noses in face sizes."""
        x, y = (float(v) for v in face.centre)
        span = max(image.shape[0], image.shape[1])
        squares = [Roi(x, y + lift * face.size, side * face.size) for lift, side in _SQUARES]
        best: tuple[Pose | None, float] = (None, np.inf)
        min_misfit = np.inf
        for square in [*squares, Roi(image.shape[1] / 2, image.shape[0] / 2, span)]:
            for hips, rim in self._bodies(image, square, 0.3).keypoints[:3, :2]:
                _, better = self._pose(image, body_roi(hips, rim))
                pose = self._pose.predict_twice(image, better)
                distance = float(np.hypot(*(pose.points[NOSE] - face.points[NOSE_TIP]))) / face.size
                misfit = distance + 2 * (1 - pose.score) + build_misfit(pose.points, face)
                if (
                    pose.score >= 0.5
                    and distance <= self.thresholds.agreement
                    and misfit < min_misfit
                ):
                    best, min_misfit = (pose, distance), misfit
        return best

    def _make_claims(
        self, image: Image, found: list[tuple[float, Face, Pose | None]]
    ) -> list[Claim]:
        """Segment each person."""
        claims = list[Claim]()
        for _, face, pose in found:
            probability = self._segment(image, face, pose)
            claims.append(Claim(probability, face, self._is_face_certain(face), pose))
        return claims

    def _segment(self, image: Image, face: Face, pose: Pose | None) -> Array:
        """Segment the person, (H, W): returns the first attempt that covers a certain face."""
        oval = face.oval_mask((image.shape[0], image.shape[1]))
        best, max_covered = np.zeros(oval.shape, np.float32), -1.0
        for side in (None, *_BUSTS) if pose is not None else _BUSTS:
            if side is None and pose is not None:
                probability = pose.mask
            else:
                probability = self._segment_bust(image, face, side or _BUSTS[0])
            covered = float((probability[oval] > 0.5).mean()) if oval.any() else 0.0
            if covered > max_covered:
                best, max_covered = probability, covered
            if covered >= 0.8 or not self._is_face_certain(face):
                break
        return best

    def _segment_bust(self, image: Image, face: Face, side: float) -> Array:
        """Segment the person around a face, (H, W), with the selfie model in a square."""
        x, y = (float(v) for v in face.centre)
        square = Roi(x, y + 0.2 * side * face.size, side * face.size)
        crop = square.cut(image, self._selfie.size[0])
        return square.paste(self._selfie(crop)["activation_10"][..., 0], image.shape[:2])


def _read(member: str) -> bytes:
    return packages.read(PACKAGE, member)


def _remains(mask: Mask, whole: Mask) -> bool:
    """Return whether a person keeps half of the mask after the division among all people."""
    return bool(mask.sum() >= 0.5 * whole.sum())
