"""What the compact detectors hand to each other before it becomes a record."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


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


@dataclass(frozen=True)
class Thing:
    """An entity with its regions."""

    name: str
    score: float
    mask: Mask
    """(H, W)"""
    regions: list[Region] = field(default_factory=list)


def largest_component(mask: Mask) -> Mask:
    """The biggest 8-connected piece; all false stays all false."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3), bool))
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == int(sizes.argmax())


def touching(a: Mask, b: Mask, gap: int) -> bool:
    """Whether two masks come within `gap` pixels while neither lies mostly inside the other.

    A nose is inside its face; it does not touch it.
    """
    smaller = min(int(a.sum()), int(b.sum()))
    if smaller == 0 or int((a & b).sum()) > 0.5 * smaller:
        return False
    return bool((ndimage.distance_transform_edt(~a)[b] <= gap).any())
