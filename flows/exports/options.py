"""The options that all export formats share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PictureFormat = Literal["png", "webp", "jpeg"]


@dataclass(frozen=True)
class Options:
    """What to export, and how its pictures are written."""

    splits: tuple[str, ...] = ()
    """Splits to export; empty = all."""
    tools: tuple[str, ...] = ()
    """Keep only flaws of these tools; empty = all. A pair that also has a flaw of another tool is
    left out, because the picture would show a flaw that its labels do not name."""
    min_pixels: int = 0
    """Leave out pairs with a flaw of fewer mask pixels, in the pictures' original size."""
    picture_format: PictureFormat = "png"
    """``webp`` is lossless."""
    quality: int = 95
    """Quality of JPEG, 1..100."""
    max_side: int = 0
    """Longest side of the exported pictures in pixels; 0 = as published."""
    control: bool = True
    """Whether to export the control as well: a clean picture with the model's fingerprints."""
    target: str = ""
    """Chat formats: name of the model family whose resize rule and box convention apply."""
    max_pixels: int = 0
    """Chat formats: the model's limit on pixels per picture; 0 = the target's default."""
