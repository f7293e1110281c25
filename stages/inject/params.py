"""Section ``inject`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.stage import GateParams, StageParams


class Shares(BaseModel):
    """Where an injection is on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    steps: float = Field(ge=0, le=1)
    """Share of the evaluations, from the first on."""
    blocks: float = Field(ge=0, le=1)
    """Share of the transformer's blocks: the first for positions, the last for values."""


class MaskParams(BaseModel):
    """What counts as visible."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    threshold: float = Field(default=6.0, gt=0)
    """CIELAB colour difference (CIE 1976) between artifact and control, after smoothing."""
    smoothing: float = Field(default=1.5, ge=0)
    """Gaussian sigma in pixels, so that single pixels of noise do not count."""
    closing: int = Field(default=7, ge=1)
    """Side of the square that joins neighbouring pieces, in pixels."""
    min_pixels: int = Field(default=48, ge=1)
    """Smaller pieces are dropped."""


class InjectGate(GateParams):
    """Thresholds of the inject gate."""

    max_reject_rate: float = 0.02
    max_variant_reject_rate: float = 0.25
    """Variants that could not be rendered or cannot be seen."""
    max_evaluations: float = 60.0
    """Forwards per variant, control and source branch counted."""
    max_mask_share_mean: float = 0.9
    """Mean share of `edit` that is visible: near 1, the mask says nothing."""
    min_difference_mean: float = 8.0
    """Mean over variants of the difference to the control inside the mask, in grey levels."""


class InjectParams(StageParams):
    """Section ``inject`` of params.yaml."""

    t_s: float = Field(default=1.0, gt=0, le=1)
    """Where denoising starts: the inversion's timestep nearest to it."""
    rho: float = Field(default=0.0, ge=0, le=1)
    """Share of fresh noise in the start latent of targets."""
    positions: Shares = Shares(steps=0.25, blocks=0.5)
    values: Shares = Shares(steps=1.0, blocks=0.5)
    margin: int = Field(default=1, ge=0, le=8)
    """Tokens around the targets that the model may change to blend them in."""
    feather: float = Field(default=10.0, ge=0, le=64)
    """Width of the composite's ramp around the active tokens, in model pixels."""
    residual: float = Field(default=1.0, ge=0, le=1)
    """How much of what the autoencoder lost is given back, gathered like the latents."""
    mask: MaskParams = MaskParams()
    gate: InjectGate = InjectGate()  # pyright: ignore[reportIncompatibleVariableOverride]
