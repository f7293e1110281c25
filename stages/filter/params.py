"""Section ``filter`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from stages.engine.section import Section, Share, refusal
from stages.engine.stage import GateParams, StageParams
from stages.models import registry

ROLES = ("metric", "judge")
Distance = Annotated[float, Field(ge=0, le=2)]
"""LPIPS between two pictures."""


class Bounds(Section):
    """LPIPS (AlexNet, v0.1) bounds. The defaults of `low` and `high` are ArtiAgent's."""

    ordered: ClassVar[tuple[tuple[str, str], ...]] = (("low", "high"),)
    low: Distance = 0.1
    """Tools judged by the band (distort): minimum distance between photo and artifact in the target
    box."""
    high: Distance = 0.5
    """Tools judged by the band: maximum distance there."""
    control: Distance = 0.05
    """Every tool: least distance between control and artifact in the target box, so that what the
    autoencoder alone loses does not count."""
    mask: Distance = 0.05
    """Every tool: least mean of the distance map between control and artifact on the mask."""

    @model_validator(mode="after")
    def _apart(self) -> Bounds:
        if self.low == self.high:
            raise refusal("low", self.low, f"must be below `high`, {self.high}")
        return self


class FilterGate(GateParams):
    """Thresholds of the filter's gate."""

    max_reject_rate: Share = 0.5
    """Photos: one goes on even when none of its variants passes, so this is about the stage."""
    max_variant_reject_rate: Share = 0.9
    """Variants, of those that were mapped."""
    min_lpips_control_mean: Distance = 0.1
    """Flaws that passed differ from their controls by this much on average."""
    max_lpips_real_mean: Distance = 0.8
    """And are not simply destroyed."""


@registry.add_sections(*ROLES)
class FilterParams(StageParams):
    """Section ``filter`` of params.yaml without its back ends' sections."""

    lpips: Bounds = Bounds()
    gate: FilterGate = FilterGate()  # pyright: ignore[reportIncompatibleVariableOverride]
