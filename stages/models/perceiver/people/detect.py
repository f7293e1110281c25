"""Faces, bodies and palms as boxes with keypoints, on any square of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.anchors import Detections, Grid, blend, decode, iou
from stages.models.perceiver.people.geometry import Roi
from stages.records.images import Image


@dataclass(frozen=True)
class Spec:
    """What differs between MediaPipe's detectors."""

    grid: Grid
    raw: str
    """Name of the box output."""
    logits: str
    """Name of the score output."""
    signed: bool
    """Pixels in -1..1 instead of 0..1."""


FACE_NEAR = Spec(Grid(128, ((8, 2), (16, 6))), "regressors", "classificators", signed=True)
FACE_FAR = Spec(Grid(192, ((4, 1),)), "Identity", "Identity_1", signed=True)
POSE = Spec(Grid(224, ((8, 2), (16, 2), (32, 6))), "Identity", "Identity_1", signed=True)
PALM = Spec(Grid(192, ((8, 2), (16, 6))), "Identity", "Identity_1", signed=False)


class Detector:
    """One detector: `spec` tells how to read it."""

    def __init__(self, content: bytes, spec: Spec) -> None:
        self._model, self._spec = LiteModel(content), spec

    def __call__(self, image: Image, roi: Roi, threshold: float) -> Detections:
        """Detections inside `roi` with coordinates in photo pixels, best first."""
        crop = roi.cut(image, self._spec.grid.side)
        out = self._model(crop * 2 - 1 if self._spec.signed else crop)
        found = blend(
            decode(out[self._spec.raw], out[self._spec.logits], self._spec.grid, threshold)
        )
        if not len(found.scores):
            return found
        boxes = roi.to_photo(found.boxes.reshape(-1, 2)).reshape(-1, 4)
        points = roi.to_photo(found.keypoints.reshape(-1, 2)).reshape(found.keypoints.shape)
        return Detections(found.scores, boxes, points)


def tiles(width: int, height: int) -> list[Roi]:
    """Squares to look at: the whole photo, then four overlapping quarters for small things."""
    whole, side = max(width, height), min(width, height) * 0.6
    rois = [Roi(width / 2, height / 2, whole)]
    columns = max(2, round(width / side))
    rows = max(2, round(height / side))
    for y in np.linspace(side / 2, height - side / 2, rows):
        rois += [
            Roi(float(x), float(y), side) for x in np.linspace(side / 2, width - side / 2, columns)
        ]
    return rois


def merge(parts: list[Detections], overlap: float = 0.3) -> Detections:
    """Detections of several squares as one list: of overlapping boxes the best score stays."""
    parts = [p for p in parts if len(p.scores)]
    if not parts:
        none = np.zeros(0, np.float32)
        return Detections(none, none.reshape(0, 4), none.reshape(0, 0, 2))
    scores = np.concatenate([p.scores for p in parts])
    boxes = np.concatenate([p.boxes for p in parts])
    keypoints = np.concatenate([p.keypoints for p in parts])
    left, keep = np.argsort(-scores, kind="stable"), []
    while left.size:
        keep.append(left[0])
        left = left[1:][iou(boxes[left[0]], boxes[left[1:]]) <= overlap]
    return Detections(scores[keep], boxes[keep], keypoints[keep])
