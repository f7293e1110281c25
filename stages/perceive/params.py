"""Section ``perceive`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from pydantic import Field, model_validator

from stages.engine.section import Mean, Share, refusal
from stages.engine.stage import GateParams, StageParams
from stages.models import registry
from stages.perceive.windows import MAX_LENGTH
from stages.records.documents import TOKEN

ROLES = ("perceiver", "captioner")


class PerceiveGate(GateParams):
    """Thresholds of the perceive gate."""

    max_reject_rate: Share = 0.8
    min_parts_mean: Mean = 2.0
    """Minimum of the mean number of parts per photo."""
    min_score_mean: Share = 0.3
    """Minimum of the mean of the photos' mean part scores."""
    min_served_mean: Share = 0.3
    """Minimum of the mean share of a photo's parts that fit in one of its windows."""
    max_uncaptioned_mean: Share = 0.3
    """Maximum share of photos for which the captioner gave no usable caption."""


@registry.add_sections(*ROLES)
class PerceiveParams(StageParams):
    """Section ``perceive`` of params.yaml without its back ends' sections."""

    window: int = Field(default=384, ge=64, le=2048, multiple_of=TOKEN)
    """Side of a window in model pixels."""
    max_windows: int = Field(default=2, ge=1, le=8)
    min_part_tokens: float = Field(default=3.0, gt=0, le=128)
    """Minimum width of a part in a window, in tokens."""
    gate: PerceiveGate = PerceiveGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _check_parts_fit_windows(self) -> PerceiveParams:
        maximum = MAX_LENGTH * self.window / TOKEN
        if self.min_part_tokens > maximum:
            problem = f"must not be above {maximum:g} for a `window` of {self.window}"
            raise refusal("min_part_tokens", self.min_part_tokens, problem)
        return self
