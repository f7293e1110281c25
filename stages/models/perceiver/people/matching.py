"""Match faces with poses, and tell whether two findings show the same person."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stages.models.perceiver.people.anchors import iou
from stages.models.perceiver.people.face import CHIN, FOREHEAD, NOSE_TIP, Face
from stages.models.perceiver.people.geometry import Array
from stages.models.perceiver.people.ownership import Claim
from stages.models.perceiver.people.pose import (
    LEFT_HIP,
    LEFT_KNEE,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_HIP,
    RIGHT_KNEE,
    RIGHT_SHOULDER,
    Pose,
)

_HIPS, _SHOULDERS = (LEFT_HIP, RIGHT_HIP), (LEFT_SHOULDER, RIGHT_SHOULDER)


def build_misfit(points: Array, face: Face) -> float:
    """Compute how badly a pose's (33, 2) proportions fit a face; 0 is a perfect fit.

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


def find_nearest_face(pose: Pose, claims: Sequence[Claim]) -> tuple[int, float]:
    """Return the index of the claim without a pose whose nose is nearest to that of `pose`, and the
    distance in face sizes; infinity if there is none."""
    best = (-1, math.inf)
    for i, claim in enumerate(claims):
        if claim.face is not None and claim.pose is None:
            away = float(np.hypot(*(pose.points[NOSE] - claim.face.points[NOSE_TIP])))
            best = min(best, (i, away / claim.face.size), key=lambda found: found[1])
    return best


def remove_duplicates(
    found: list[tuple[float, Face, Pose | None]],
) -> list[tuple[float, Face, Pose | None]]:
    """Keep one entry per face and drop poses that belong to another face already."""
    kept: list[tuple[float, Face, Pose | None]] = []
    order = sorted(found, key=lambda f: (f[2] is None, f[1].score < 0.5, -f[1].size))
    for score, face, pose in order:
        box = np.concatenate([face.points.min(0), face.points.max(0)])
        boxes = np.array([np.concatenate([f.points.min(0), f.points.max(0)]) for _, f, _ in kept])
        if kept and float(iou(box, boxes.astype(np.float32)).max()) > 0.2:
            continue
        if pose is not None and any(p is not None and is_same_body(pose, p) for _, _, p in kept):
            pose = None
        kept.append((score, face, pose))
    return kept


def is_same_body(a: Pose, b: Pose) -> bool:
    """Return whether two poses have shoulders and hips in the same places."""
    joints = [11, 12, 23, 24]
    span = float(np.hypot(*(a.points[11] - a.points[24]))) + 1.0
    return float(np.hypot(*(a.points[joints] - b.points[joints]).T).mean()) < 0.25 * span
