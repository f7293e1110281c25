"""Measure one picture as ArtiAgent's evaluators do (src/eval/eval_utils.py and
legion_eval_utils.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from applications.evaluation.example import Size
from applications.evaluation.metrics.boxes import as_boxes, box_ious
from applications.evaluation.metrics.pixels import (
    LEVELS,
    background_iou,
    count_pixels,
    foreground_iou,
    overlaps,
)
from applications.evaluation.truth import Picture
from applications.protocols import Box, Finding, Heat, Thresholds
from stages.records.masks import Mask, bounding_box

BINARISE = 0.3
"""Threshold of heat maps."""
SWEPT = np.linspace(0, 1, 100)
"""Thresholds that a predicted heat map is tried at; the best is kept."""
MATCH = 0.5


@dataclass(frozen=True)
class Measures:
    """Measures of one picture."""

    says_yes: bool
    has_places: bool
    """Whether there is a box or a heat map at all; without one, both evaluators give zeros."""
    box_iou: float = 0.0
    """Mean, over the annotated boxes that overlap with any predicted one, of the best IoU."""
    box_f1: float = 0.0
    pixel_iou: float = 0.0
    pixel_miou: float = 0.0
    """Mean of the IoUs of foreground and background."""
    pixel_f1: float = 0.0


def measure(picture: Picture, finding: Finding, thresholds: Thresholds) -> Measures:
    """Measure a finding. A mask takes precedence over boxes, as there."""
    yes = finding.probability >= thresholds.picture
    places = [r.box for r in finding.regions if r.score >= thresholds.region]
    if finding.mask is None and not places:
        return Measures(yes, False, **_pixel_measures(picture, np.zeros_like(picture.mask)))
    if finding.mask is None:
        box_iou, box_f1 = _compare_boxes(_truth_boxes(picture), places)
        marked = _fill(places, picture.size)
    else:
        box_iou, box_f1 = _sweep(_truth_boxes(picture), finding.mask)
        marked = finding.mask > BINARISE
    return Measures(yes, True, box_iou, box_f1, **_pixel_measures(picture, marked))


def measure_failure(picture: Picture, answer: str) -> Measures:
    """Measure an answer that could not be parsed: yes if the text has "yes" and nowhere "no"."""
    text = answer.lower()
    empty = np.zeros_like(picture.mask)
    return Measures("yes" in text and "no" not in text, False, **_pixel_measures(picture, empty))


def _truth_boxes(picture: Picture) -> list[Box]:
    """Return the truth as boxes: of the first polygon of a region, or one box of a heat map."""
    example = picture.example
    if example.heat is not None:
        box = _tight_box(_normalise(example.heat()), BINARISE)
        heat_size = example.heat().shape[::-1]
        scale = [picture.size[i % 2] / heat_size[i % 2] for i in range(4)]
        return [] if box is None else [_scale(box, scale)]
    return [
        _bounds(truth.polygons[0]) if truth.polygons else truth.box for truth in example.regions
    ]


def _truth_mask(picture: Picture) -> Mask:
    """Return the truth as pixels: first polygons, boxes with both ends inclusive, or every pixel
    of the heat map that is not 0 (its bytes are compared with 0.3)."""
    example = picture.example
    if example.heat is not None:
        heat = cv2.resize(example.heat(), picture.size, interpolation=cv2.INTER_LANCZOS4)
        return np.asarray(heat * 255 > BINARISE)
    mask = np.zeros(picture.mask.shape, dtype=np.uint8)
    for truth in example.regions:
        if truth.polygons:
            points = np.asarray(truth.polygons[0]).reshape(-1, 2).astype(np.int32)
            cv2.fillPoly(mask, [points], (1,))
    boxes = [truth.box for truth in example.regions if not truth.polygons]
    return (mask > 0) | _fill(boxes, picture.size)


def _fill(boxes: Sequence[Box], size: Size) -> Mask:
    """Fill boxes whose last column and row are inclusive."""
    width, height = size
    mask = np.zeros((height, width), dtype=bool)
    for box in boxes:
        x0, y0, x1, y1 = map(int, box)
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width - 1, x1), min(height - 1, y1)
        if x1 > x0 and y1 > y0:
            mask[y0 : y1 + 1, x0 : x1 + 1] = True
    return mask


def _pixel_measures(picture: Picture, marked: Mask) -> dict[str, float]:
    counts = count_pixels(marked.astype(np.float32), _truth_mask(picture))[None]
    last = LEVELS - 1
    foreground = float(foreground_iou(counts)[0, last])
    background = float(background_iou(counts)[0, last])
    intersection, union = (int(values[0, last]) for values in overlaps(counts))
    both = intersection + union
    return {
        "pixel_iou": foreground,
        "pixel_miou": (foreground + background) / 2,
        "pixel_f1": 2 * intersection / both if both else 0.0,
    }


def _compare_boxes(truth: Sequence[Box], found: Sequence[Box]) -> tuple[float, float]:
    """Return mean IoU and F1; the F1 counts only where a box overlaps at all."""
    ious = box_ious(as_boxes(found), as_boxes(truth))
    best = ious.max(0, initial=0.0)
    best = best[best > 0]
    if not len(best):
        return 0.0, 0.0
    taken: set[int] = set()
    for column in ious.T:  # greedy, in the order of the annotated boxes
        free = [(iou, row) for row, iou in enumerate(column) if row not in taken and iou >= MATCH]
        if free:
            taken.add(max(free, key=lambda pair: pair[0])[1])
    return float(best.mean()), 2 * len(taken) / (len(truth) + len(found))


def _sweep(truth: Sequence[Box], heat: Heat) -> tuple[float, float]:
    """Return the best IoU over thresholds of the one box around a normalised heat map, and the F1
    there."""
    normalised = _normalise(heat)
    found = [_tight_box(normalised, float(threshold)) for threshold in SWEPT]
    tried = [_compare_boxes(truth, [box]) for box in dict.fromkeys(found) if box is not None]
    return max(tried, key=lambda pair: pair[0], default=(0.0, 0.0))


def _normalise(heat: Heat) -> Heat:
    low, high = float(heat.min()), float(heat.max())
    return (heat - low) / (high - low) if high > low else np.zeros_like(heat)


def _tight_box(heat: Heat, threshold: float) -> Box | None:
    marked = heat > threshold
    return bounding_box(marked) if marked.any() else None


def _bounds(polygon: Sequence[float]) -> Box:
    return min(polygon[::2]), min(polygon[1::2]), max(polygon[::2]), max(polygon[1::2])


def _scale(box: Box, factors: Sequence[float]) -> Box:
    x0, y0, x1, y1 = (side * factor for side, factor in zip(box, factors, strict=True))
    return x0, y0, x1, y1
