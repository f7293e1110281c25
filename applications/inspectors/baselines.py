"""Inspectors that look at nothing: what a table's other rows have to beat."""

from __future__ import annotations

from applications.protocols import Finding, Inspector, Region, Thresholds
from stages.records.images import Image

TEXT = "The picture is flawed: a part of it is missing, one too many, deformed or fused."
"""What a model can say of every picture: shows what ROUGE-L and CSS give for it."""


class AlwaysYes:
    """Calls every picture flawed and marks no place."""

    name = "always-yes"
    thresholds = Thresholds()

    def inspect(self, picture: Image) -> Finding:
        """Return the same finding for every picture."""
        return Finding(1.0, text=TEXT)


class Never:
    """Calls every picture clean."""

    name = "never"
    thresholds = Thresholds()

    def inspect(self, picture: Image) -> Finding:
        """Return the same finding for every picture."""
        return Finding(0.0)


class CentreBox:
    """Calls every picture flawed in a box at its centre, half as wide and half as high."""

    name = "centre-box"
    thresholds = Thresholds()

    def inspect(self, picture: Image) -> Finding:
        """Return a box that depends on the picture's size only."""
        height, width = picture.shape[:2]
        box = (width / 4, height / 4, width * 3 / 4, height * 3 / 4)
        return Finding(1.0, (Region(box, text=TEXT),), text=TEXT)


class WholePicture:
    """Calls every picture flawed everywhere."""

    name = "whole-picture"
    thresholds = Thresholds()

    def inspect(self, picture: Image) -> Finding:
        """Return a box as large as the picture."""
        height, width = picture.shape[:2]
        return Finding(1.0, (Region((0, 0, width, height), text=TEXT),), text=TEXT)


_BASELINES: tuple[type[Inspector], ...] = (AlwaysYes, Never, CentreBox, WholePicture)
"""For the type checker: each implements the protocol."""
