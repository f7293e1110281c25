"""Assign pixels to people: one mask per person from overlapping probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stages.models.perceiver.people.face import CHIN, FOREHEAD, Face
from stages.models.perceiver.people.geometry import Array
from stages.models.perceiver.people.limbs import body_size, chain_distance
from stages.models.perceiver.people.pose import LEFT_EAR, NOSE, RIGHT_EAR, Pose
from stages.models.perceiver.regions import largest_component
from stages.records.images import Image
from stages.records.masks import Mask

_BONES = ((11, 13, 15), (12, 14, 16), (11, 12, 24, 23, 11), (23, 25, 27), (24, 26, 28))
_CELLS = 128
"""Number of cells along the longer side of the grid on which distances are computed."""
BODY_PER_FACE = 3.3
"""Length of the torso in face sizes."""
_SMOOTH = 0.03**2
"""Epsilon of the guided filter: steps in brightness of about 0.03 (of 1) count as edges."""


@dataclass(frozen=True)
class Claim:
    """One person's claim to pixels."""

    probability: Array
    """(H, W) from segmentation."""
    face: Face | None
    """At least one of `face` and `pose` is not None."""
    face_certain: bool
    """Whether the outline of the face is reliable."""
    pose: Pose | None

    @property
    def face_size(self) -> float:
        """Size of the face in pixels; without a face, estimated from the body."""
        if self.face is not None:
            return self.face.size
        return body_size(self.pose.points) / BODY_PER_FACE if self.pose is not None else 1.0

    def oval(self, shape: tuple[int, int]) -> Mask:
        """Return the (H, W) mask of the face if its outline is reliable, else an empty one."""
        if self.face is None or not self.face_certain:
            return np.zeros(shape, bool)
        return self.face.oval_mask(shape)


def divide_pixels(image: Image, claims: Sequence[Claim]) -> list[Mask]:
    """Return one (H, W) mask per claim; masks do not overlap, and one without its face is empty.

    Segmentation networks often include neighbours. A pixel that several people claim is assigned to
    the one whose face and bones are nearer, in units of the body's size.
    """
    if not claims:
        return []
    shape = (image.shape[0], image.shape[1])
    fine = [refine_border(image, claim.probability, claim.face_size) for claim in claims]
    ovals = [claim.oval(shape) for claim in claims]
    stack = np.stack(fine)
    if len(claims) > 1:
        near = np.stack([_distance(claim, shape) for claim in claims])
        stack = np.where(stack > 0.5, 2 + stack - near, stack)
    owner = stack.argmax(0)
    for i, oval in enumerate(ovals):
        owner[oval] = i
    out = []
    for i, oval in enumerate(ovals):
        own = (owner == i) & ((fine[i] > 0.5) | oval)
        missed = claims[i].face_certain and (fine[i][oval] > 0.5).mean() < 0.5
        out.append(np.zeros(shape, bool) if missed else _select_piece(own, oval))
    return out


def refine_border(image: Image, probability: Array, scale: float) -> Array:
    """Align the border of a probability map, (H, W), with the photo's edges.

    Uses a guided filter (He et al., ECCV 2010, equations 5, 6, 8) with the brightness as guide.

    Args:
        image: the photo.
        probability: (H, W) in 0..1, coarser than the photo.
        scale: face size in pixels; the window of the filter is an eighth of it.
    """
    radius = max(2, round(scale / 16))
    size = (2 * radius + 1, 2 * radius + 1)
    guide = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    p = probability.astype(np.float32)
    mean_i, mean_p = cv2.blur(guide, size), cv2.blur(p, size)
    covariance = cv2.blur(guide * p, size) - mean_i * mean_p
    a = covariance / (cv2.blur(guide * guide, size) - mean_i**2 + _SMOOTH)
    b = mean_p - a * mean_i
    return np.asarray(cv2.blur(a, size) * guide + cv2.blur(b, size), np.float32)


def _distance(claim: Claim, shape: tuple[int, int]) -> Array:
    """Compute the distance from a person's face and bones, (H, W), in body sizes, at most 1."""
    step = max(max(shape) / _CELLS, 1.0)
    rows, columns = max(round(shape[0] / step), 1), max(round(shape[1] / step), 1)
    ys = (np.arange(rows) + 0.5) * shape[0] / rows
    xs = (np.arange(columns) + 0.5) * shape[1] / columns
    axis = _head_axis(claim)
    radius = 0.4 * claim.face_size
    # zero at the surface of the head
    out = chain_distance(axis, np.full(2, radius), xs, ys) * radius - radius
    size = BODY_PER_FACE * claim.face_size
    if claim.pose is not None:
        size = body_size(claim.pose.points)
        width = np.ones(5, np.float32)
        for bone in _BONES:
            points = claim.pose.points[list(bone)]
            away = chain_distance(points, width[: len(bone)], xs, ys) - 0.1 * size
            out = np.minimum(out, away)
    else:
        # a bust: neck and spine below the chin
        down = axis[1] + np.array([[0, 0], [0, 2.5 * claim.face_size]], np.float32)
        wide = np.array([0.3, 1.2], np.float32) * claim.face_size
        out = np.minimum(out, (chain_distance(down, wide, xs, ys) - 1) * 0.5 * claim.face_size)
    share = np.clip(out / size, 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(share, (shape[1], shape[0])), np.float32)


def _head_axis(claim: Claim) -> Array:
    """Return forehead and chin, (2, 2); without a face, the pose's ears and nose."""
    if claim.face is not None:
        return claim.face.points[[FOREHEAD, CHIN]]
    if claim.pose is None:
        raise ValueError("a claim needs a face or a pose")
    return np.stack([claim.pose.points[[LEFT_EAR, RIGHT_EAR]].mean(0), claim.pose.points[NOSE]])


def _select_piece(own: Mask, oval: Mask) -> Mask:
    """Return the connected piece with the face, or the largest one if there is no face."""
    if not oval.any():
        return largest_component(own)
    _, labels = cv2.connectedComponents(own.astype(np.uint8))
    inside = labels[oval & own]
    if not inside.size:
        return np.zeros_like(own)
    return np.asarray(labels == np.bincount(inside).argmax())
