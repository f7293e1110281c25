"""The truth about a picture at the size of its decoded pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from applications.evaluation.example import Example, Problem, Size, Truth
from applications.evaluation.metrics.pixels import fill_boxes
from applications.protocols import Box
from stages.records.masks import Mask

SLACK = 1.0
"""Pixels by which a box may leave its picture without being named: annotators' tools round."""


@dataclass(frozen=True)
class Picture:
    """An example with its mask."""

    example: Example
    """Its boxes are inside the picture."""
    size: Size
    """Width and height."""
    mask: Mask
    """(H, W): the flawed pixels."""


def fit(example: Example, size: Size) -> tuple[Picture, list[Problem]]:
    """Fit an example's annotation to its decoded picture.

    A heat map has no boxes: those around its connected areas are taken.

    Boxes that leave the picture by more than `SLACK` pixels are cut and named; those that lie
    outside it are dropped and named.

    Raises:
        ValueError: the annotation is of a picture of another size.
    """
    if example.size is not None and example.size != size:
        raise ValueError(
            f"is {size[0]} x {size[1]}, its annotation is of {example.size[0]} x {example.size[1]}"
        )
    cut = [(truth, _cut(truth, size)) for truth in example.regions]
    problems = [
        Problem("bad label", example.key, message)
        for truth, inside in cut
        for message in _complaints(truth, inside, size)
    ]
    regions = tuple(inside for _, inside in cut if inside is not None)
    example = replace(example, regions=regions)
    if example.mask is not None:
        mask = example.mask(size)
        if mask.shape != size[::-1]:
            raise ValueError(f"is {size[0]} x {size[1]}, its mask is of shape {mask.shape}")
    else:
        mask = fill_boxes([truth.box for truth in regions], [1.0] * len(regions), size) > 0
    if example.heat is not None:
        example = replace(example, regions=tuple(map(Truth, _boxes_of(mask))))
    return Picture(example, size, mask), problems


def _boxes_of(mask: Mask) -> Iterator[Box]:
    """Yield the boxes around the connected areas of a mask."""
    _, _, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for x, y, width, height, _ in boxes[1:].tolist():  # the first is the background
        yield x, y, x + width, y + height


def _cut(truth: Truth, size: Size) -> Truth | None:
    width, height = size
    x0, y0, x1, y1 = truth.box
    box = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
    return replace(truth, box=box) if box[0] < box[2] and box[1] < box[3] else None


def _complaints(truth: Truth, inside: Truth | None, size: Size) -> Iterator[str]:
    box = [round(side, 1) for side in truth.box]
    if inside is None:
        yield f"box {box} is outside the picture of {size[0]} x {size[1]}: not used"
    elif max(abs(a - b) for a, b in zip(truth.box, inside.box, strict=True)) > SLACK:
        yield f"box {box} leaves the picture of {size[0]} x {size[1]}: cut"
