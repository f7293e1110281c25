"""Params of the back end ``mediapipe``."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Band, Section, Share


class MediapipeParams(Section):
    """Section ``perceive.mediapipe``: thresholds of the detectors."""

    detection: Share = 0.575
    """Minimum score of a detected face."""
    body: Share = 0.18
    """Minimum evidence of a person without a visible face: the product of the scores of the box and
    the pose and of their agreement."""
    visibility: Share = 0.6
    """Minimum certainty of a limb's landmarks."""
    hand: Share = 0.6
    """Minimum certainty of a hand and its side."""
    min_class_probability: Share = Field(default=0.7, json_schema_extra={"formerly": "sure"})
    """Minimum probability for naming a thing by its ImageNet class."""
    min_group_probability: Share = Field(default=0.5, json_schema_extra={"formerly": "floor"})
    """Minimum probability for naming a thing by a group of classes; below it, it is an
    ``object``."""
    parts: int = Field(default=5, ge=2, le=9)
    """Number of parts to look for in a thing, including limbs."""
    people_share: Share = 0.15
    """If people cover at least this share of the photo, other things are not looked for."""
    part_area: Band = (0.0005, 0.5)
    """Minimum and maximum share of the photo that a part covers. The paper's minimum is 0.005; here
    windows zoom in on smaller parts."""
