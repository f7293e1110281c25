"""What is kept of one inspector's finding about one picture: enough for every metric, without the
picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from applications.evaluation.example import Example, Size
from applications.evaluation.metrics.boxes import Boxes, as_boxes
from applications.evaluation.metrics.pixels import Counts, count_pixels, fill_boxes
from applications.evaluation.released.measures import Measures
from applications.evaluation.truth import Picture
from applications.protocols import Finding, Heat


@dataclass(frozen=True)
class Failure:
    """Why there is no finding about a picture."""

    code: str
    message: str
    answer: str = ""
    """What the model answered, if it answered."""


@dataclass(frozen=True)
class Row:
    """One finding, or failure, beside the truth."""

    example: Example
    size: Size
    """Width and height of the picture."""
    probability: float
    """0..1. A failure is wrong about every picture: 0 for a flawed one, 1 for any other."""
    boxes: Boxes
    """Found, cut to the picture."""
    scores: NDArray[np.float64]
    """(n,) of the boxes."""
    truth: Boxes
    """Annotated."""
    pixels: Counts
    """(2, LEVELS): see `metrics.pixels.count_pixels`."""
    has_mask: bool
    """Whether the finding has a mask; otherwise its boxes were filled."""
    text: str
    failure: Failure | None = None
    released: Measures | None = None
    """Measures of ArtiAgent's evaluators, if they are wanted."""

    @property
    def is_localised(self) -> bool:
        """Whether the picture is flawed and its annotation says where."""
        return self.example.label == "flawed" and bool(self.pixels[1].any())


def make_row(picture: Picture, finding: Finding) -> Row:
    """Measure a finding.

    Raises:
        ValueError: the finding's mask has another size than the picture, or is not in 0..1.
    """
    width, height = picture.size
    boxes = as_boxes([region.box for region in finding.regions])
    return Row(
        example=picture.example,
        size=picture.size,
        probability=finding.probability,
        boxes=np.clip(boxes, 0, [width, height, width, height]),
        scores=np.asarray([region.score for region in finding.regions], dtype=np.float64),
        truth=as_boxes([truth.box for truth in picture.example.regions]),
        pixels=count_pixels(_heat(finding, picture.size), picture.mask),
        has_mask=finding.mask is not None,
        text=finding.text,
    )


def make_failed_row(picture: Picture, failure: Failure) -> Row:
    """Measure an answer that is no finding: as one of nothing that is wrong about the picture."""
    worst = 0.0 if picture.example.label == "flawed" else 1.0
    return replace(make_row(picture, Finding(worst)), failure=failure)


def _heat(finding: Finding, size: Size) -> Heat:
    if finding.mask is None:
        regions = finding.regions
        return fill_boxes([r.box for r in regions], [r.score for r in regions], size)
    if finding.mask.shape != size[::-1]:
        raise ValueError(f"a mask of shape {finding.mask.shape} for a picture of {size}")
    if not ((finding.mask >= 0) & (finding.mask <= 1)).all():  # NaN is neither
        raise ValueError("a mask with values outside 0..1")
    return finding.mask
