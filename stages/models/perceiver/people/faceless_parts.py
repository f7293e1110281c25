"""Parts of a person without a visible face: the head, and limbs whose side may be uncertain."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from stages.models.perceiver.people.geometry import Array
from stages.models.perceiver.people.limbs import body_size, landmark_certainty
from stages.models.perceiver.people.pose import (
    LEFT_EAR,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_EAR,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Pose,
)
from stages.models.perceiver.regions import Region, largest_component
from stages.records.masks import Mask

_RADIUS = 0.32
"""Radius of a head with hair or a helmet, in body sizes."""
_CHIN = 0.4
"""Height of the chin between the shoulders (0) and the ears (1)."""
_MIN_NECK = 0.2
"""Minimum distance between shoulders and ears, in body sizes; a bent head is not separable."""
_MIN_FILLED = 0.3
"""Minimum share of the disc around the ears that is the person's head."""
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
    mask = largest_component(disc & free & (up >= (_CHIN - 1) * height))
    if mask.sum() < _MIN_FILLED * disc.sum() or not mask[y, x]:
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


def drop_sides(regions: list[Region]) -> list[Region]:
    """Return the regions named by their kind, without left and right."""
    return [replace(region, name=region.kind) for region in regions]


def _fill_disc(centre: Array, radius: float, shape: tuple[int, ...]) -> Mask:
    canvas = np.zeros(shape[:2], np.uint8)
    at = (round(float(centre[0])), round(float(centre[1])))
    cv2.circle(canvas, at, max(round(radius), 1), 1, -1)
    return canvas.astype(bool)
