"""The interface of an inspector: it looks at one picture and says whether, where and why it is
flawed.

Boxes are ``(x0, y0, x1, y1)``, half-open, in pixels of the picture, as in docs/format.md, but not
rounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stages.records.images import Image

Box = tuple[float, float, float, float]
Heat = NDArray[np.float32]
"""(H, W), 0..1: the probability of each pixel to belong to a flaw."""


@dataclass(frozen=True)
class Region:
    """A place that an inspector calls flawed.

    Raises:
        ValueError: the box is empty or not finite, or the score is not in 0..1.
    """

    box: Box
    score: float = 1.0
    """0..1: how certain it is; `Thresholds.region` decides whether it counts."""
    tool: str = ""
    """The kind of flaw: ``add``, ``remove``, ``distort``, ``fuse``; empty if it does not say."""
    text: str = ""
    """What is wrong there; empty if it does not say."""

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if not (all(map(math.isfinite, self.box)) and x0 < x1 and y0 < y1):
            raise ValueError(f"{self.box} is no box: x0 < x1 and y0 < y1 are needed")
        _check_share(self.score, "score")


@dataclass(frozen=True)
class Finding:
    """What an inspector says about one picture.

    Raises:
        ValueError: the probability is not in 0..1.
    """

    probability: float
    """0..1: that the picture is flawed. Calibrated: of the pictures that get 0.8, 80 % are."""
    regions: tuple[Region, ...] = ()
    mask: Heat | None = None
    """(H, W) of the picture; None if the inspector gives boxes only. They are then filled."""
    text: str = ""
    """Why the picture as a whole is flawed; empty if it does not say."""

    def __post_init__(self) -> None:
        _check_share(self.probability, "probability")


@dataclass(frozen=True)
class Thresholds:
    """From which value on an inspector's answer counts as yes, 0..1."""

    picture: float = 0.5
    """For `Finding.probability`."""
    pixel: float = 0.5
    """For `Finding.mask`."""
    region: float = 0.5
    """For `Region.score`."""

    def select_regions(self, finding: Finding) -> tuple[Region, ...]:
        """Return the regions that count."""
        return tuple(region for region in finding.regions if region.score >= self.region)


class Inspector(Protocol):
    """Finds flaws in pictures. Back ends are listed in `applications.inspectors`."""

    name: str
    """Heads its row of a table: the name in `INSPECTORS`, or a model's own name."""
    thresholds: Thresholds
    """Chosen on pictures that are neither trained nor evaluated on."""

    def inspect(self, picture: Image) -> Finding:
        """Inspect one picture.

        Args:
            picture: (H, W, 3) uint8 sRGB, upright, of any size from 1 x 1 on.

        Raises:
            RejectPhoto: there is no finding about this picture, such as an answer in prose where
                JSON was asked for. It is counted as a failure.
            FactoryError: further pictures are pointless (weights, budget, key, address).
        """
        ...


def _check_share(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, must be between 0 and 1")
