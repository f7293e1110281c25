"""Find people by a detected box and a pose whose mask fills it, mostly those without a face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stages.models.perceiver.people.anchors import iou
from stages.models.perceiver.people.boxes import Boxes
from stages.models.perceiver.people.detect import Detector
from stages.models.perceiver.people.geometry import Array, Roi
from stages.models.perceiver.people.pose import Pose, PoseModel, body_roi
from stages.models.perceiver.regions import largest_component
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box

MIN_BOX = 0.2
"""Minimum score of a box that is examined."""
MIN_AREA = 0.01
"""Minimum share of the photo that a box covers."""
MIN_POSE = 0.4
"""Minimum score of the pose in both predictions."""
MIN_AGREEMENT = 0.5
"""Minimum IoU of the box and the box around the pose's mask."""
MAX_BOXES = 8
"""Maximum number of boxes examined in a photo, best first."""
_KNOWN_OVERLAP, _KNOWN_SHARE = 0.4, 0.8
"""A box whose IoU with a known person's box, or whose share of that person's mask, is above these
shows that person."""
_COMPLETE = 0.6
"""A bust whose box has at least this IoU with a detected box is all that is seen of the person."""


@dataclass(frozen=True)
class Body:
    """A person in a detected box; the face may be visible."""

    box: Array
    """(4,) detected box."""
    evidence: float
    """Product of the scores of box and pose and of their agreement, 0..1."""
    pose: Pose
    agreement: float
    """IoU of the detected box and the box around the pose's mask."""

    @property
    def score(self) -> float:
        """Score of the person: that of the pose, lowered where box and mask differ."""
        return self.pose.score * self.agreement**0.5


def find_bodies(
    image: Image,
    found: Boxes,
    known: Sequence[Mask],
    busts: Sequence[Mask],
    detect: Detector,
    pose: PoseModel,
) -> list[Body]:
    """Return bodies in detected boxes that show none of the `known` people, best evidence first.

    A body may belong to one of the `busts`.

    Args:
        image: the photo.
        found: boxes of people.
        known: (H, W) masks of people found by face and pose.
        busts: (H, W) masks of people found by the face alone.
        detect: finds hips in a square.
        pose: predicts poses.
    """
    bodies = list[Body]()
    min_pixels = MIN_AREA * image.shape[0] * image.shape[1]
    for score, box in list(zip(found.scores, found.boxes, strict=True))[:MAX_BOXES]:
        width, height = float(box[2] - box[0]), float(box[3] - box[1])
        if score < MIN_BOX or width * height < min_pixels or shows_known(box, known):
            continue
        if any(agreement(box, bust) >= _COMPLETE for bust in busts):
            continue
        best = max(
            (_measure(image, box, float(score), roi, pose) for roi in _rois(image, box, detect)),
            key=lambda body: body.evidence,
        )
        if best.pose.score >= MIN_POSE and best.agreement >= MIN_AGREEMENT:
            bodies.append(best)
    return sorted(bodies, key=lambda body: -body.evidence)


def shows_known(box: Array, known: Sequence[Mask]) -> bool:
    """Return whether a (4,) box shows one of the people with (H, W) masks `known`."""
    x0, y0, x1, y1 = (round(float(v)) for v in box)
    for mask in known:
        inside = float(mask[y0:y1, x0:x1].sum()) / max(int(mask.sum()), 1)
        if inside > _KNOWN_SHARE or agreement(box, mask) > _KNOWN_OVERLAP:
            return True
    return False


def agreement(box: Array, mask: Mask) -> float:
    """Return the IoU of a (4,) box and the box around an (H, W) mask; 0 for an empty mask."""
    if not mask.any():
        return 0.0
    around = np.array(bounding_box(mask), np.float32)
    return float(iou(np.asarray(box, np.float32), around[None])[0])


def _rois(image: Image, box: Array, detect: Detector) -> list[Roi]:
    """Return crops in which to predict the pose: around detected hips, and around the box."""
    x, y = (float(v) for v in (box[:2] + box[2:]) / 2)
    side = float((box[2:] - box[:2]).max())
    points = detect(image, Roi(x, y, 1.3 * side), 0.3).keypoints
    return [*(body_roi(hips, rim) for hips, rim in points[:2, :2]), Roi(x, y, 1.25 * side)]


def _measure(image: Image, box: Array, score: float, roi: Roi, model: PoseModel) -> Body:
    """Predict the pose twice and compare its mask with the box."""
    _, better = model(image, roi)
    pose = model.predict_twice(image, better)
    fit = agreement(box, largest_component(pose.mask > 0.5))
    return Body(box, score * pose.score * fit, pose, fit)
