"""Section ``filter`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stages.engine.stage import GateParams, StageParams
from stages.models.judge import FeatureThresholds


class Bounds(BaseModel):
    """LPIPS (AlexNet, v0.1) bounds. The defaults of `low` and `high` are ArtiAgent's."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    low: float = Field(default=0.1, ge=0, le=2)
    """distort: least distance between photo and artifact in the target box."""
    high: float = Field(default=0.5, ge=0, le=2)
    """distort: greatest distance there."""
    control: float = Field(default=0.05, ge=0, le=2)
    """Every tool: least distance between control and artifact in the target box, so that what the
    autoencoder alone loses does not count."""
    mask: float = Field(default=0.05, ge=0, le=2)
    """Every tool: least mean of the distance map between control and artifact on the mask."""

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


class FilterGate(GateParams):
    """Thresholds of the filter's gate."""

    max_reject_rate: float = Field(default=0.5, ge=0, le=1)
    """Photos: one goes on even when none of its variants passes, so this is about the stage."""
    max_variant_reject_rate: float = 0.9
    """Variants, of those that were mapped."""
    min_lpips_control_mean: float = 0.1
    """Flaws that passed differ from their controls by this much on average."""
    max_lpips_real_mean: float = 0.8
    """And are not simply destroyed."""


class FilterParams(StageParams):
    """Section ``filter`` of params.yaml."""

    lpips: Bounds = Bounds()
    features: FeatureThresholds = FeatureThresholds()
    """For profiles whose judge is ``features``."""
    gate: FilterGate = FilterGate()  # pyright: ignore[reportIncompatibleVariableOverride]
