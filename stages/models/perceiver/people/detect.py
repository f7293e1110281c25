"""Detect faces, bodies and palms as boxes with keypoints, in any square of the photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.anchors import AnchorGrid, Detections, blend, decode, iou
from stages.models.perceiver.people.geometry import Roi
from stages.records.images import Image


@dataclass(frozen=True)
class DetectorSpec:
    """Properties in which MediaPipe's detectors differ."""

    grid: AnchorGrid
    raw: str
    """Name of the output with the boxes."""
    logits: str
    """Name of the output with the scores."""
    signed: bool
    """Whether input pixels are in -1..1 instead of 0..1."""


FACE_NEAR = DetectorSpec(
    AnchorGrid(128, ((8, 2), (16, 6))), "regressors", "classificators", signed=True
)
FACE_FAR = DetectorSpec(AnchorGrid(192, ((4, 1),)), "Identity", "Identity_1", signed=True)
POSE = DetectorSpec(
    AnchorGrid(224, ((8, 2), (16, 2), (32, 6))), "Identity", "Identity_1", signed=True
)
PALM = DetectorSpec(AnchorGrid(192, ((8, 2), (16, 6))), "Identity", "Identity_1", signed=False)


class Detector:
    """A detector; `spec` describes its inputs and outputs."""

    def __init__(self, content: bytes, spec: DetectorSpec) -> None:
        self._model, self._spec = LiteModel(content), spec

    def __call__(self, image: Image, roi: Roi, threshold: float) -> Detections:
        """Return the detections in `roi` in photo pixels, best first."""
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


def search_squares(width: int, height: int) -> list[Roi]:
    """Return squares to search: the whole photo, then smaller overlapping ones."""
    full, side = max(width, height), min(width, height) * 0.6
    rois = [Roi(width / 2, height / 2, full)]
    columns = max(2, round(width / side))
    rows = max(2, round(height / side))
    for y in np.linspace(side / 2, height - side / 2, rows):
        rois += [
            Roi(float(x), float(y), side) for x in np.linspace(side / 2, width - side / 2, columns)
        ]
    return rois


def merge(parts: list[Detections], overlap: float = 0.3) -> Detections:
    """Merge the detections of several squares; of overlapping boxes the best one is kept."""
    parts = [p for p in parts if len(p.scores)]
    if not parts:
        none = np.zeros(0, np.float32)
        return Detections(none, none.reshape(0, 4), none.reshape(0, 0, 2))
    scores = np.concatenate([p.scores for p in parts])
    boxes = np.concatenate([p.boxes for p in parts])
    keypoints = np.concatenate([p.keypoints for p in parts])
    remaining, keep = np.argsort(-scores, kind="stable"), []
    while remaining.size:
        best, rest = remaining[0], remaining[1:]
        keep.append(best)
        remaining = rest[iou(boxes[best], boxes[rest]) <= overlap]
    return Detections(scores[keep], boxes[keep], keypoints[keep])
