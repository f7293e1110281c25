"""Parts of a person without a visible face: the head, and limbs whose side may be uncertain."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from stages.models.perceiver.people.geometry import Array
from stages.models.perceiver.people.limbs import body_size, chain_distance, landmark_certainty
from stages.models.perceiver.people.pose import (
    LEFT_EAR,
    LEFT_HIP,
    LEFT_SHOULDER,
    NOSE,
    RIGHT_EAR,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Pose,
)
from stages.models.perceiver.regions import Region, largest_component
from stages.records.masks import Mask

_RADIUS = 0.5
"""Maximum distance of hair, hat or helmet from the ears, in body sizes."""
_ARMS = ((11, 13, 15), (12, 14, 16))
_ARM = (0.13, 0.105, 0.075)
"""Thickness of an arm at its joints, in body sizes; a raised arm is no part of the head."""
_CHIN = 0.4
"""Height of the chin between the shoulders (0) and the ears (1)."""
_MIN_NECK = 0.2
"""Minimum distance between shoulders and ears, in body sizes; a bent head is not separable."""
_MIN_AREA = 0.08
"""Minimum area of a head, in squared body sizes; a whole one has about 0.2."""
_MIN_BREADTH = 0.35
"""Minimum distance of the shoulders across the image, in body sizes, for a certain facing; with
less the person is seen in profile."""


def find_head(pose: Pose, free: Mask, threshold: float) -> Region | None:
    """Find the head with hair, hat or helmet: the person's pixels around the ears, above the chin.

    Returns None if ears or shoulders are uncertain, or if little of the head is seen.

    Args:
        pose: pose of the person.
        free: (H, W) mask of the person without hands.
        threshold: minimum certainty of ears and shoulders, 0..1.
    """
    joints = [LEFT_EAR, RIGHT_EAR, LEFT_SHOULDER, RIGHT_SHOULDER]
    score = float(landmark_certainty(pose)[joints].min())
    size = body_size(pose.points)
    ears = pose.points[[LEFT_EAR, RIGHT_EAR]].mean(0)
    neck = ears - pose.points[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(0)
    height = float(np.hypot(*neck))
    x, y = (int(v) for v in np.floor(ears))
    inside = 0 <= y < free.shape[0] and 0 <= x < free.shape[1]
    if score < threshold or not inside or height < _MIN_NECK * size:
        return None
    disc = _fill_disc(ears, _RADIUS * size, free.shape)
    ys, xs = np.mgrid[: free.shape[0], : free.shape[1]].astype(np.float32) + 0.5
    up = ((xs - ears[0]) * neck[0] + (ys - ears[1]) * neck[1]) / height
    above = disc & free & (up >= (_CHIN - 1) * height)
    for arm in _ARMS:
        away = chain_distance(pose.points[list(arm)], np.array(_ARM) * size, xs[0], ys[:, 0])
        above &= away > 1
    mask = largest_component(above)
    if mask.sum() < _MIN_AREA * size**2 or not mask[y, x]:
        return None
    return Region("head", "head", score, mask)


def is_facing_certain(pose: Pose) -> bool:
    """Return whether shoulders and hips agree on which way the person faces.

    If they do, the left shoulder is clearly to the right of the right one in the image (facing the
    camera), or clearly to its left (facing away).
    """
    size = body_size(pose.points)
    shoulders = float(pose.points[LEFT_SHOULDER, 0] - pose.points[RIGHT_SHOULDER, 0])
    hips = float(pose.points[LEFT_HIP, 0] - pose.points[RIGHT_HIP, 0])
    return abs(shoulders) >= _MIN_BREADTH * size and shoulders * hips > 0


def is_behind_head(pose: Pose, torso: Mask) -> bool:
    """Return whether nose or ears lie on a torso, (H, W): a bent person's head hides it."""
    for x, y in np.floor(pose.points[[NOSE, LEFT_EAR, RIGHT_EAR]]).astype(int):
        if 0 <= y < torso.shape[0] and 0 <= x < torso.shape[1] and torso[y, x]:
            return True
    return False


def drop_sides(regions: list[Region]) -> list[Region]:
    """Return the regions named by their kind, without left and right."""
    return [replace(region, name=region.kind) for region in regions]


def _fill_disc(centre: Array, radius: float, shape: tuple[int, ...]) -> Mask:
    canvas = np.zeros(shape[:2], np.uint8)
    at = (round(float(centre[0])), round(float(centre[1])))
    cv2.circle(canvas, at, max(round(radius), 1), 1, -1)
    return canvas.astype(bool)
