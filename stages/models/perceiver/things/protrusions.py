"""Find protrusions of a silhouette and decide which are an animal's ears or legs.

Morphological opening by a disc removes what is thinner than the disc: legs, ears, tails, handles,
wings. A limb is named only if position, direction and number support it (measured in
docs/perception-things.md); other limbs are named by their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stages.records.masks import Mask, bounding_box

WIDTH = 0.45
"""Radius of the disc as a share of the largest disc inside the thing."""
MIN_SHARE = 0.015
"""Minimum share of the thing for a limb."""
EARS = frozenset({"dog", "wolf", "fox", "cat", "big cat", "bear", "rabbit"})
"""Groups (`names.GROUPS`) whose ears point up if they are visible in the outline."""
AMBIGUOUS = frozenset(
    {"fish", "bird", "frog", "snake", "spider", "crab", "beetle", "butterfly", "monkey", "ape"}
)
"""Groups whose limbs these rules cannot distinguish: wings, beaks, fins, arms."""


@dataclass(frozen=True)
class Limb:
    """A protruding piece of a thing."""

    mask: Mask
    """(H, W)"""
    slenderness: float
    """Length from the attachment to the tip, divided by the mean width."""
    share: float
    """Share of the thing's area."""
    angle: float
    """Direction from the attachment to the tip, in degrees from straight down: 0..180."""
    tip: float
    """Height of the tip: 0 at the top of the thing's box, 1 at its bottom."""
    cut: bool
    """Whether it reaches the border of the photo, so that its end is not visible."""


def find_protrusions(mask: Mask, border: Mask) -> list[Limb]:
    """Find the limbs of a thing, largest first; `border` (H, W) is the mask of the photo's border.

    A thing that the photo cuts off is assumed to continue, so that the cut does not count as a tip.
    """
    margin = max(mask.shape)
    wide = np.pad(mask.astype(np.uint8), margin, mode="edge")
    depth = cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner = np.s_[margin:-margin, margin:-margin]
    radius = WIDTH * float((depth[inner] * mask).max())
    away = cv2.distanceTransform(
        (depth <= radius).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    trunk = (away[inner] <= radius) & mask
    count, labels = cv2.connectedComponents((mask & ~trunk).astype(np.uint8), connectivity=4)
    near = cv2.dilate(trunk.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    pieces = [labels == i for i in range(1, count)]
    pieces = [p for p in pieces if p.sum() >= MIN_SHARE * mask.sum() and (p & near).any()]
    found = [_limb(p, p & near, mask, bool((p & border).any())) for p in pieces]
    return sorted(found, key=lambda limb: -limb.share)


def _limb(piece: Mask, attached: Mask, thing: Mask, cut: bool) -> Limb:
    _, top, _, bottom = bounding_box(thing)
    y, x = (float(v.mean()) for v in np.nonzero(attached))
    ys, xs = np.nonzero(piece)
    lengths = np.hypot(ys - y, xs - x)
    end = int(lengths.argmax())
    length, area = max(float(lengths[end]), 1.0), int(piece.sum())
    return Limb(
        mask=piece,
        slenderness=length * length / area,
        share=area / int(thing.sum()),
        angle=math.degrees(abs(math.atan2(float(xs[end]) - x, float(ys[end]) - y))),
        tip=(float(ys[end]) - top) / max(bottom - top - 1, 1),
        cut=cut,
    )


def name_limbs(limbs: Sequence[Limb], group: str) -> list[str]:
    """Name each limb of an animal of `group`: ``ear``, ``leg`` or an empty string.

    Ears are short and point up at the top. Legs point down at the bottom, and there are at least
    two of them.
    """
    ears = [_is_ear(limb) and group in EARS for limb in limbs]
    legs = [_is_leg(limb) and group not in AMBIGUOUS for limb in limbs]
    if sum(legs) < 2:
        legs = [False] * len(limbs)
    return ["ear" if e else "leg" if g else "" for e, g in zip(ears, legs, strict=True)]


def _is_ear(limb: Limb) -> bool:
    up = limb.angle > 130 and limb.tip < 0.2
    return up and not limb.cut and limb.share < 0.08 and 1.1 < limb.slenderness < 3.2


def _is_leg(limb: Limb) -> bool:
    down = limb.angle < 35 and limb.tip > 0.75
    return down and not limb.cut and 1.2 < limb.slenderness < 8
