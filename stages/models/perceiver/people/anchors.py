"""MediaPipe's single-shot detectors: anchors, box decoding, weighted non-maximum suppression.

Sources: SSD (arXiv 1512.02325) for anchors, BlazeFace (arXiv 1907.05047) for the blending of
overlapping boxes. The constants are those of MediaPipe 0.10.21's graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.models.perceiver.people.geometry import Array


@dataclass(frozen=True)
class AnchorGrid:
    """Anchors of one detector: centres on square grids, all of unit size."""

    side: int
    """Side of the input in pixels."""
    layers: tuple[tuple[int, int], ...]
    """(stride in pixels, anchors per cell) of each feature map, in output order."""

    def centres(self) -> Array:
        """Return the anchor centres, (N, 2): x and y in 0..1."""
        out = []
        for stride, repeats in self.layers:
            cells = -(-self.side // stride)
            ys, xs = np.mgrid[:cells, :cells]
            points = np.stack([xs, ys], -1).reshape(-1, 2)
            out.append(np.repeat((points + 0.5) / cells, repeats, axis=0))
        return np.concatenate(out).astype(np.float32)


@dataclass(frozen=True)
class Detections:
    """N detections in crop coordinates (0..1)."""

    scores: Array
    """(N,) in 0..1, in falling order."""
    boxes: Array
    """(N, 4) x0, y0, x1, y1."""
    keypoints: Array
    """(N, K, 2) x, y."""


def decode(raw: Array, logits: Array, grid: AnchorGrid, threshold: float) -> Detections:
    """Decode raw outputs (A, 4 + 2K) and (A, 1) to the detections that reach `threshold`.

    Each row contains box centre, box size and keypoints in pixels of the input, relative to the
    anchor's centre.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100, 100)))
    keep = np.flatnonzero(scores >= threshold)
    keep = keep[np.argsort(-scores[keep], kind="stable")]
    rows, centres = raw[keep] / grid.side, grid.centres()[keep]
    middle, half = rows[:, :2] + centres, rows[:, 2:4] / 2
    points = rows[:, 4:].reshape(len(keep), (raw.shape[1] - 4) // 2, 2) + centres[:, None]
    boxes = np.concatenate([middle - half, middle + half], 1)
    return Detections(scores[keep].astype(np.float32), boxes, points)


def iou(box: Array, boxes: Array) -> Array:
    """Compute the intersection over union of one (4,) box with (N, 4) boxes, (N,)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    union = np.prod(box[2:] - box[:2]) + areas - overlap
    return overlap / np.maximum(union, 1e-9)


def blend(found: Detections, overlap: float = 0.3) -> Detections:
    """Apply weighted non-maximum suppression: boxes above `overlap` IoU are averaged by score."""
    remaining = np.arange(len(found.scores))
    scores, boxes, keypoints = [], [], []
    while remaining.size:
        near = iou(found.boxes[remaining[0]], found.boxes[remaining]) > overlap
        near[0] = True
        group, remaining = remaining[near], remaining[~near]
        weights = found.scores[group] / found.scores[group].sum()
        scores.append(found.scores[group[0]])
        boxes.append(np.tensordot(weights, found.boxes[group], 1))
        keypoints.append(np.tensordot(weights, found.keypoints[group], 1))
    if not scores:
        return found
    return Detections(np.array(scores), np.array(boxes), np.array(keypoints))
