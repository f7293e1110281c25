"""Detect people as boxes, with or without a face: SSD MobileNetV2, trained on Open Images.

The network (arXiv 1801.04381) comes with MediaPipe's Objectron; its constants are those of that
graph. Its outputs change with the crop, so the scores of four views of the photo are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stages.models.networks.litert import LiteModel
from stages.models.perceiver.people.anchors import iou
from stages.models.perceiver.people.geometry import Array, Roi
from stages.models.weights import packages
from stages.records.images import Image

PACKAGE = "objectron"
"""Name in ``weights.toml``."""
SIDE = 300
"""Side of the input in pixels."""
_LABELS = 184
"""Bytes of the list of classes, which precedes the network in its file."""
_PERSON = 4
"""Index of the class."""
_STRIDES = (16, 32, 64, 128, 256, 512)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_RATIOS = (1.0, 2.0, 0.5, 3.0, 0.3333)
_CENTRE_UNIT, _SIZE_UNIT = 0.1, 0.2
"""Units of the encoded centres and logarithms of sizes, relative to the anchor."""
_FLOOR = 0.08
"""Minimum score of a box in one view."""
_OVERLAP = 0.5
"""IoU from which two boxes are the same person."""
_NOTHING = 0.1
"""If no box of the first two views reaches this mean score, the others are not looked at."""


@dataclass(frozen=True)
class Boxes:
    """N boxes in photo pixels, best first."""

    scores: Array
    """(N,) in 0..1."""
    boxes: Array
    """(N, 4) x0, y0, x1, y1, inside the photo."""


def make_anchors() -> Array:
    """Return the anchors, (1917, 4): centre x, y, width, height in 0..1."""
    out = list[tuple[float, float, float, float]]()
    for i, stride in enumerate(_STRIDES):
        cells = -(-SIDE // stride)
        if i == 0:
            shapes = [(0.1, 1.0), (_SCALES[0], 2.0), (_SCALES[0], 0.5)]
        else:
            shapes = [(_SCALES[i], ratio) for ratio in _RATIOS]
            shapes.append((math.sqrt(_SCALES[i] * _SCALES[i + 1]), 1.0))
        out += [
            ((x + 0.5) / cells, (y + 0.5) / cells, s * math.sqrt(r), s / math.sqrt(r))
            for y in range(cells)
            for x in range(cells)
            for s, r in shapes
        ]
    return np.array(out, np.float32)


def decode(raw: Array, anchors: Array) -> Array:
    """Decode raw boxes (N, 4) relative to `anchors` (N, 4) to x0, y0, x1, y1 in 0..1."""
    centre = raw[:, [1, 0]] * _CENTRE_UNIT * anchors[:, 2:] + anchors[:, :2]
    half = np.exp(raw[:, [3, 2]] * _SIZE_UNIT) * anchors[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], 1).astype(np.float32)


def suppress(found: Boxes) -> Boxes:
    """Keep the best of boxes that overlap (non-maximum suppression)."""
    remaining, keep = np.argsort(-found.scores, kind="stable"), list[int]()
    while remaining.size:
        best, rest = int(remaining[0]), remaining[1:]
        keep.append(best)
        remaining = rest[iou(found.boxes[best], found.boxes[rest]) <= _OVERLAP]
    return Boxes(found.scores[keep], found.boxes[keep])


def fuse(views: Sequence[Boxes]) -> Boxes:
    """Merge the boxes of several views: the score is the mean over all views, 0 where it is missed.

    Boxes are averaged, weighted by their scores (Solovyev et al., arXiv 1910.13302).
    """
    scores = np.concatenate([v.scores for v in views])
    boxes = np.concatenate([v.boxes for v in views])
    view = np.concatenate([np.full(len(v.scores), i) for i, v in enumerate(views)])
    remaining = np.argsort(-scores, kind="stable")
    means, merged = list[float](), list[Array]()
    while remaining.size:
        near = iou(boxes[remaining[0]], boxes[remaining]) > _OVERLAP
        near[0] = True
        group, remaining = remaining[near], remaining[~near]
        _, first = np.unique(view[group], return_index=True)
        group = group[first]
        means.append(float(scores[group].sum()) / len(views))
        merged.append(np.average(boxes[group], axis=0, weights=scores[group]))
    order = np.argsort(-np.array(means), kind="stable")
    return Boxes(
        np.array(means, np.float32)[order], np.array(merged, np.float32).reshape(-1, 4)[order]
    )


class PersonDetector:
    """Detects people as boxes.

    Raises:
        WeightsError: weights are missing or damaged.
    """

    def __init__(self) -> None:
        content = packages.read(PACKAGE, "objectron_assets.data")
        self._model, self._anchors = LiteModel(content[_LABELS:]), make_anchors()

    def __call__(self, image: Image) -> Boxes:
        """Return the people in (H, W, 3) uint8, with the mean score of four views.

        The views are the photo stretched to a square, the photo in a black square, and the mirror
        images of both.
        """
        height, width = image.shape[:2]
        small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        stretched = np.asarray(small, np.float32) / 255
        scale = np.array([width, height] * 2, np.float32)
        views = [self._look(stretched, mirror) for mirror in (False, True)]
        views = [_clip(Boxes(v.scores, v.boxes * scale), width, height) for v in views]
        if not (fuse(views).scores >= _NOTHING).any():
            return Boxes(np.zeros(0, np.float32), np.zeros((0, 4), np.float32))
        square = Roi(width / 2, height / 2, max(width, height))
        crop = square.cut(image, SIDE)
        for mirror in (False, True):
            found = self._look(crop, mirror)
            boxes = square.to_photo(found.boxes.reshape(-1, 2)).reshape(-1, 4)
            views.append(_clip(Boxes(found.scores, boxes), width, height))
        return fuse(views)

    def _look(self, crop: Array, mirror: bool) -> Boxes:
        """Detect people in (300, 300, 3) in 0..1; returns boxes in 0..1."""
        view = np.ascontiguousarray(crop[:, ::-1]) if mirror else crop
        out = self._model(view * 2 - 1)
        scores = 1 / (1 + np.exp(-out["raw_outputs/class_predictions"][:, _PERSON]))
        keep = np.flatnonzero(scores >= _FLOOR)
        boxes = decode(out["raw_outputs/box_encodings"][keep], self._anchors[keep])
        if mirror:
            boxes = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + np.array([1, 0, 1, 0], np.float32)
        return Boxes(scores[keep].astype(np.float32), boxes)


def _clip(found: Boxes, width: int, height: int) -> Boxes:
    """Clip boxes to the photo, leave out those outside it and suppress duplicates."""
    boxes = found.boxes.clip(0, np.array([width, height] * 2, np.float32)).astype(np.float32)
    keep = ((boxes[:, 2:] - boxes[:, :2]) >= 2).all(1)
    return suppress(Boxes(found.scores[keep], boxes[keep]))
