"""Turn rows into arrays, one entry a picture, at given thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from applications.evaluation.metrics.boxes import count_matches
from applications.evaluation.metrics.pixels import (
    Counts,
    background_iou,
    foreground_iou,
    level_of,
    overlaps,
)
from applications.evaluation.rows import Row
from applications.protocols import Thresholds

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """The rows of one inspector. All arrays are (n,)."""

    flawed: Flags
    clean: Flags
    localised: Flags
    """Flawed, and annotated where."""
    failed: Flags
    probability: Floats
    says_yes: Flags
    """A failure says nothing."""
    correct: Flags
    intersection: Floats
    """Pixels, at the pixel threshold; likewise below."""
    union: Floats
    foreground_iou: Floats
    background_iou: Floats
    found_boxes: Floats
    """Number of found boxes at the region threshold."""
    true_boxes: Floats
    matched_boxes: Floats


def stack_pixels(rows: Sequence[Row]) -> Counts:
    """Return the pixel counts of all rows: (n, 2, LEVELS)."""
    return np.stack([row.pixels for row in rows])


def make_columns(rows: Sequence[Row], thresholds: Thresholds) -> Columns:
    """Apply thresholds to rows of labelled pictures, at least one."""
    counts = stack_pixels(rows)
    levels = [level_of(thresholds.pixel if r.has_mask else thresholds.region) for r in rows]
    place = np.arange(len(rows)), np.asarray(levels)
    intersection, union = overlaps(counts)
    flawed = np.asarray([row.example.label == "flawed" for row in rows])
    failed = np.asarray([row.failure is not None for row in rows])
    probability = np.asarray([row.probability for row in rows], dtype=np.float64)
    yes = (probability >= thresholds.picture) & ~failed
    kept = [row.boxes[row.scores >= thresholds.region] for row in rows]
    return Columns(
        flawed=flawed,
        clean=~flawed,
        localised=np.asarray([row.is_localised for row in rows]),
        failed=failed,
        probability=probability,
        says_yes=yes,
        correct=~failed & (flawed == yes),
        intersection=intersection[place].astype(np.float64),
        union=union[place].astype(np.float64),
        foreground_iou=foreground_iou(counts)[place],
        background_iou=background_iou(counts)[place],
        found_boxes=np.asarray([len(boxes) for boxes in kept], dtype=np.float64),
        true_boxes=np.asarray([len(row.truth) for row in rows], dtype=np.float64),
        matched_boxes=np.asarray(
            [count_matches(boxes, row.truth) for boxes, row in zip(kept, rows, strict=True)],
            dtype=np.float64,
        ),
    )
