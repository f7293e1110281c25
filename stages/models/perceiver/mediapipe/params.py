"""Params of the back end ``mediapipe``."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Band, Section, Share


class MediapipeParams(Section):
    """Section ``perceive.mediapipe``: what counts as found."""

    detection: Share = 0.575
    """Minimum score of a detected face."""
    visibility: Share = 0.6
    """Minimum certainty of a limb's landmarks."""
    hand: Share = 0.6
    """Minimum certainty of a hand and its side."""
    min_class_probability: Share = Field(default=0.7, json_schema_extra={"formerly": "sure"})
    """For naming a thing by its ImageNet class."""
    min_group_probability: Share = Field(default=0.5, json_schema_extra={"formerly": "floor"})
    """For naming it by a group of classes; below it a thing is an ``object``."""
    parts: int = Field(default=5, ge=2, le=9)
    """Parts to ask for in a thing, limbs among them."""
    people_share: Share = 0.15
    """People who cover this share of the photo or more leave things out."""
    part_area: Band = (0.0005, 0.5)
    """Minimum and maximum share of the photo for a part. The paper's band begins at 0.005; windows
    zoom in on smaller parts."""
