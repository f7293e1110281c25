"""Section ``invert`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from stages.engine.stage import GateParams, StageParams
from stages.invert.solvers import Solver

Storage = Literal["float16", "float32"]
CAPTION = "{caption}"
"""The one slot of `InvertParams.prompt`."""


class InvertGate(GateParams):
    """Thresholds of the invert gate."""

    max_reject_rate: float = 0.02
    min_noise_std: float = 0.5
    max_noise_std: float = 1.5
    """Bounds of every window's last latent: beyond, transformer and autoencoder do not fit."""


class InvertParams(StageParams):
    """Section ``invert`` of params.yaml."""

    solver: Solver = "fireflow"
    steps: int = Field(default=6, ge=1, le=100)
    """Steps between t = 0 and t = 1."""
    until: float = Field(default=1.0, gt=0, le=1)
    """Stop at the first timestep that reaches this; nothing later can be asked for by inject."""
    dtype: Storage = "float16"
    """Precision of the latents kept."""
    guidance: float = Field(default=1.0, ge=0)
    """Distilled guidance, for models that embed it (FLUX.1-dev)."""
    prompt: str = CAPTION
    """Text condition of inversion and injection, for models with text encoders; ``{caption}`` is
    replaced by the photo's."""
    gate: InvertGate = InvertGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @field_validator("prompt")
    @classmethod
    def _known_slots(cls, prompt: str) -> str:
        if set("{}") & set(prompt.replace(CAPTION, "")):
            raise ValueError(f"the only slot is {CAPTION}")
        return prompt

    def told(self, caption: str) -> str:
        """The prompt of a photo with this caption."""
        return self.prompt.replace(CAPTION, caption).strip()
