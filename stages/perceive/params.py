"""Section ``perceive`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from pydantic import Field, model_validator

from stages.engine.section import Mean, Share, refusal
from stages.engine.stage import GateParams, StageParams
from stages.models import registry
from stages.perceive.windows import TIGHT
from stages.records.documents import TOKEN

ROLES = ("perceiver", "captioner")


class PerceiveGate(GateParams):
    """Thresholds of the perceive gate."""

    max_reject_rate: Share = 0.8
    min_parts_mean: Mean = 2.0
    """Mean number of parts a photo."""
    min_score_mean: Share = 0.3
    """Mean of the photos' mean part scores."""
    min_served_mean: Share = 0.3
    """Mean share of a photo's parts that a window serves."""
    max_uncaptioned_mean: Share = 0.3
    """Share of photos whose captioner was asked and gave nothing usable."""


@registry.add_sections(*ROLES)
class PerceiveParams(StageParams):
    """Section ``perceive`` of params.yaml without its back ends' sections."""

    window: int = Field(default=384, ge=64, le=2048, multiple_of=TOKEN)
    """Side of a window in model pixels."""
    max_windows: int = Field(default=2, ge=1, le=8)
    min_part_tokens: float = Field(default=3.0, gt=0, le=128)
    """Least width of a part in a window, in tokens."""
    gate: PerceiveGate = PerceiveGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _parts_fit_windows(self) -> PerceiveParams:
        room = TIGHT * self.window / TOKEN
        if self.min_part_tokens > room:
            raise refusal("min_part_tokens", self.min_part_tokens, f"must not be above {room:g}, "
                          f"what a `window` of {self.window} holds")  # fmt: skip
        return self
