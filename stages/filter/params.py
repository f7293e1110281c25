"""Section ``filter`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from stages.engine.section import Section, Share, Strings, refusal
from stages.engine.stage import GateParams, StageParams
from stages.filter.reviews import FOLDER
from stages.models import registry
from stages.models.protocols import SMALL_CROPS, SmallCrops

ROLES = ("metric", "judge")
Distance = Annotated[float, Field(ge=0, le=2)]
"""An LPIPS distance between two pictures."""


class Bounds(Section):
    """Bounds of LPIPS (AlexNet, v0.1). The defaults of `low` and `high` are ArtiAgent's, and
    params.yaml allows more (docs/quality.md)."""

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("low", "high"),)
    low: Distance = 0.1
    """Tools judged by the band (distort): minimum distance between photo and artifact in the target
    box."""
    high: Distance = 0.5
    """Tools judged by the band: maximum of that distance."""
    control: Distance = 0.05
    """All tools: minimum distance between control and artifact in the target box. Both have passed
    through the autoencoder, so what it alone loses does not count."""
    mask: Distance = 0.05
    """All tools: minimum mean, over the mask, of the distance map between control and artifact."""
    small_crops: SmallCrops = SMALL_CROPS
    """How target boxes with a side under 64 px are measured (docs/judging.md): ``enlarge`` scales
    them up to 64, ``pad`` mirrors their edges to 64, ``plain`` measures them as they are, like the
    released code (under 32 px, which AlexNet needs, edges are mirrored to 32)."""

    @model_validator(mode="after")
    def _check_band(self) -> Bounds:
        if self.low == self.high:
            raise refusal("low", self.low, f"must be below `high`, {self.high}")
        return self


class FilterGate(GateParams):
    """Thresholds of the filter gate."""

    max_reject_rate: Share = 0.5
    """Maximum share of photos that the stage rejects. A photo whose variants all fail is not
    rejected here, so these are failures of the stage."""
    max_variant_reject_rate: Share = 0.9
    """Maximum share of incoming variants that are rejected."""
    min_lpips_control_mean: Distance = 0.1
    """Minimum of the mean distance between passed flaws and their controls."""
    max_lpips_real_mean: Distance = 0.8
    """Maximum of the mean distance between passed flaws and the photo: above it, flaws destroy the
    picture."""


@registry.add_sections(*ROLES)
class FilterParams(StageParams):
    """Section ``filter`` of params.yaml without its back ends' sections."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"reviews"})
    lpips: Bounds = Bounds()
    reviews: Annotated[Strings, Field(max_length=100)] = ("reviews/*.json",)
    """Review files with people's verdicts, which override the judge's (docs/reviewing.md): paths
    or patterns of paths in the folder ``reviews``."""
    gate: FilterGate = FilterGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _check_reviews(self) -> FilterParams:
        for pattern in self.reviews:
            parts = PurePosixPath(pattern).parts
            if len(parts) < 2 or parts[0] != FOLDER or ".." in parts:
                raise refusal(
                    "reviews", pattern, f"must begin with {FOLDER}/, the folder that DVC watches"
                )
        return self
