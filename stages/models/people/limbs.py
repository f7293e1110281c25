"""Arms, legs, feet and torso as regions of the person's mask around the bones of a pose."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from stages.engine.masks import Mask
from stages.models.people.geometry import Array, capsules, hull, polygon
from stages.models.people.pose import Pose
from stages.models.regions import Region


@dataclass(frozen=True)
class Chain:
    """A limb: its bones' landmarks and how thick it is there, in body sizes."""

    kind: str
    joints: tuple[int, ...]
    """On the left side; the right side's are one higher."""
    radii: tuple[float, ...]


# a torso of half a metre: an upper arm in a sleeve is 13 cm thick, a thigh 18, a wrist 8
LIMBS = (
    Chain("arm", (11, 13, 15), (0.13, 0.105, 0.075)),
    Chain("leg", (23, 25, 27), (0.17, 0.125, 0.09)),
)
PIECES = (
    Chain("upper arm", (11, 13), (0.13, 0.105)),
    Chain("forearm", (13, 15), (0.105, 0.075)),
    Chain("thigh", (23, 25), (0.17, 0.125)),
    Chain("lower leg", (25, 27), (0.125, 0.09)),
)
"""What is left to name when a joint of the whole limb cannot be seen."""
_WHOLE = {"upper arm": "arm", "forearm": "arm", "thigh": "leg", "lower leg": "leg"}
_FOOT = (27, 29, 31)
_TORSO = (11, 12, 24, 23)


def body_size(points: Array) -> float:
    """The torso's length in pixels, or what the shoulders say of it when it is foreshortened."""
    shoulders, hips = points[[11, 12]].mean(0), points[[23, 24]].mean(0)
    breadth = float(np.hypot(*(points[11] - points[12])))
    return max(float(np.hypot(*(shoulders - hips))), 1.2 * breadth, 1.0)


def seen(pose: Pose, joints: tuple[int, ...], shape: tuple[int, int]) -> float:
    """The least visibility among `joints`; zero when one lies outside the (H, W) picture."""
    points = pose.points[list(joints)]
    inside = (points >= 0).all() and (points < (shape[1], shape[0])).all()
    return float(pose.visible[list(joints)].min()) if inside else 0.0


def limbs(pose: Pose, body: Mask, threshold: float) -> list[Region]:
    """Arms, legs and feet whose landmarks are all seen with at least `threshold`.

    Args:
        pose: the person.
        body: (H, W) mask of the person; regions are clipped to it.
        threshold: least visibility, 0..1.
    """
    size, found = body_size(pose.points), list[Region]()
    for side, shift in (("left", 0), ("right", 1)):
        whole: set[str] = set()
        for chain in (*LIMBS, *PIECES):
            joints = tuple(j + shift for j in chain.joints)
            score = seen(pose, joints, body.shape)
            if score < threshold or _WHOLE.get(chain.kind) in whole:
                continue
            whole.add(chain.kind)
            radii = np.array(chain.radii, np.float32) * size
            mask = capsules(pose.points[list(joints)], radii, body.shape) & body
            found.append(Region(f"{side} {chain.kind}", chain.kind, score, mask))
        joints = tuple(j + shift for j in _FOOT)
        score = seen(pose, joints, body.shape)
        if score >= threshold:
            found.append(Region(f"{side} foot", "foot", score, _foot(pose, joints, size) & body))
    return found


def torso(pose: Pose, body: Mask, threshold: float) -> Region | None:
    """Shoulders to hips, or None when a corner is hidden or outside the picture."""
    score = seen(pose, _TORSO, body.shape)
    if score < threshold:
        return None
    corners = pose.points[list(_TORSO)]
    wide = corners.mean(0) + (corners - corners.mean(0)) * (1.2, 1.05)
    return Region("torso", "torso", score, polygon(wide, body.shape) & body)


def _foot(pose: Pose, joints: tuple[int, ...], size: float) -> Mask:
    """The hull of ankle, heel and toes, as thick as a shoe."""
    shape = (pose.mask.shape[0], pose.mask.shape[1])
    mask = hull(pose.points[list(joints)], shape)
    reach = max(round(0.07 * size), 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)
