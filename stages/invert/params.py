"""Section ``invert`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from stages.engine.section import Share
from stages.engine.stage import GateParams, StageParams
from stages.models import registry
from stages.models.flow.solvers import Solver, Storage

CAPTION = "{caption}"
"""The one slot of `InvertParams.prompt`."""


class InvertGate(GateParams):
    """Thresholds of the invert gate."""

    max_reject_rate: Share = 0.5
    """A higher rate means that transformer and autoencoder do not fit each other."""


@registry.add_sections("flow")
class InvertParams(StageParams):
    """Section ``invert`` of params.yaml."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"min_noise_std", "max_noise_std"})
    solver: Solver = "fireflow"
    steps: int = Field(default=6, ge=1, le=100)
    """Steps between t = 0 and t = 1."""
    until: float = Field(default=1.0, ge=0.05, le=1)
    """Stop at the first timestep that reaches this; `inject.t_s` cannot be later."""
    dtype: Storage = "float16"
    """Precision of the stored latents."""
    guidance: float = Field(default=1.0, ge=0, le=100)
    """Distilled guidance, for models that embed it (FLUX.1-dev)."""
    prompt: str = CAPTION
    """Text condition of inversion and injection, for models with text encoders; ``{caption}`` is
    replaced by the photo's caption."""
    min_noise_std: float = Field(default=0.5, ge=0, le=1000)
    max_noise_std: float = Field(default=1.5, gt=0, le=1000)
    """Bounds of the standard deviation of every window's last latent, which is about 1 if it is
    noise. The model cannot invert a photo outside them (flat, drawn, or noise itself). A change of
    the bounds recomputes no inversion."""
    gate: InvertGate = InvertGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @field_validator("prompt")
    @classmethod
    def _known_slots(cls, prompt: str) -> str:
        if set("{}") & set(prompt.replace(CAPTION, "")):
            raise PydanticCustomError("slot", "the only slot is {slot}", {"slot": CAPTION})
        return prompt

    def build_prompt(self, caption: str) -> str:
        """Return the prompt of a photo with this caption."""
        return self.prompt.replace(CAPTION, caption).strip()
