"""Types that detectors exchange before their findings become records."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from stages.records.masks import Mask, bounding_box
from stages.tools import Tool


@dataclass(frozen=True)
class Region:
    """A named piece of a thing."""

    name: str
    kind: str
    """The name without its side."""
    score: float
    mask: Mask
    """(H, W)"""
    positional: bool = False
    tools: tuple[Tool, ...] = ()
    """Tools that can break it, as a vocabulary lists them; empty: they follow from the kind."""


@dataclass(frozen=True)
class Thing:
    """An entity with its regions."""

    name: str
    score: float
    mask: Mask
    """(H, W)"""
    regions: list[Region] = field(default_factory=list)


def largest_component(mask: Mask) -> Mask:
    """Return the largest 8-connected component; an empty mask is returned unchanged."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 3:
        return mask
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def masks_touch(a: Mask, b: Mask, gap: int) -> bool:
    """Return whether two masks come within `gap` pixels and neither lies mostly inside the other.

    A nose, for example, lies inside its face and does not touch it.
    """
    x0, y0, x1, y1 = bounding_box(a)
    window = np.s_[max(y0 - gap, 0) : y1 + gap, max(x0 - gap, 0) : x1 + gap]
    near = b[window]
    if not near.any() or int((a[window] & near).sum()) > 0.5 * min(int(a.sum()), int(b.sum())):
        return False
    away = cv2.distanceTransform((~a[window]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return bool((away[near] <= gap).any())
