"""The compact judge: has each target token taken the appearance of its reference?

A flaw moves appearance about in the picture by a known mapping (algorithm section 2), so its being
there can be measured without knowing what the part is: with token features f (`features`), control
C, artifact A, target t and its reference r,

    rise  = mean over t of cos(f_A(t), f_C(r)) - cos(f_C(t), f_C(r))
    gone  = mean over t of 1 - cos(f_A(t), f_C(t))
    moved = share of t where f_A(t) is nearer to f_C(r) than f_C(t) is

Noise, blur, recompression and colour drift make `gone` but no `rise`; a faithful rendering of the
photo makes neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from stages.engine.masks import Mask, from_grid
from stages.engine.record import TOOLS, Tool, Verdict
from stages.models.features import Features, TokenFeatures, standardise
from stages.models.protocols import Case

NOT_INTENDED = "not_intended"
"""Reject code: something changed, but not what the mapping says."""
WRONG_PLACE = "wrong_place"
"""Reject code: most of the visible change lies outside the targets."""


class Rise(BaseModel):
    """Least rise a tool's flaw must show."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    add: float = Field(default=0.15, ge=0, le=2)
    remove: float = Field(default=0.08, ge=0, le=2)
    distort: float = Field(default=0.05, ge=0, le=2)
    fuse: float = Field(default=0.08, ge=0, le=2)


class FeatureThresholds(BaseModel):
    """What the compact judge asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rise: Rise = Rise()
    gone: float = Field(default=0.2, ge=0, le=2)
    """remove: the targets must have lost this much of their old appearance."""
    moved: float = Field(default=0.5, ge=0, le=1)
    """Share of the targets that must be nearer to their reference than before."""
    inside: float = Field(default=0.3, ge=0, le=1)
    """Share of the visible flaw that must lie on targets."""


@dataclass(frozen=True)
class Movement:
    """How far appearance has moved from references to targets."""

    rise: float
    gone: float
    moved: float


def movement(
    artifact: Features, control: Features, targets: list[int], references: list[int]
) -> Movement:
    """The three numbers of the module's docstring.

    Args:
        artifact: (rows, columns, C) features, any scale.
        control: the same of the control; its statistics set the scale of both.
        targets: token indices.
        references: the same number of token indices.
    """
    width = control.shape[-1]
    after = standardise(artifact, control).reshape(-1, width)[targets]
    tokens = standardise(control, control).reshape(-1, width)
    before, wanted = tokens[targets], tokens[references]
    rise = (after * wanted).sum(1) - (before * wanted).sum(1)
    gone = 1 - (after * before).sum(1)
    return Movement(float(rise.mean()), float(gone.mean()), float((rise > 0).mean()))


class FeatureJudge:
    """Judges all four tools from token features."""

    name = "features"
    tools: tuple[Tool, ...] = TOOLS

    def __init__(self, thresholds: FeatureThresholds | None = None) -> None:
        """Loads the features' network.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        self.thresholds = thresholds or FeatureThresholds()
        self.features = TokenFeatures()

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        return TokenFeatures.revision()

    def judge(self, case: Case) -> Verdict:
        """Passed when the mapping's change is there and most of what is visible is that change."""
        variant = case.variant
        control = self.features.tokens(case.window_control)
        artifact = self.features.tokens(case.window_artifact)
        seen = movement(artifact, control, variant.targets, variant.references)
        inside = _inside(case)
        reason, message = self._decide(variant.tool, seen, inside)
        return Verdict(
            variant=variant.id,
            tool=variant.tool,
            passed=reason == "ok",
            reason=reason,
            message=message,
            judge=self.name,
            scores={**vars(seen), "inside": inside},
        )

    def _decide(self, tool: Tool, seen: Movement, inside: float) -> tuple[str, str]:
        limits = self.thresholds
        least = getattr(limits.rise, tool)
        if inside < limits.inside:
            return WRONG_PLACE, f"{inside:.0%} of the visible change is where it should be"
        if seen.rise < least:
            return NOT_INTENDED, f"appearance moved by {seen.rise:.3f}, {tool} asks {least}"
        if seen.moved < limits.moved:
            return NOT_INTENDED, f"only {seen.moved:.0%} of the targets changed as the mapping says"
        if tool == "remove" and seen.gone < limits.gone:
            return NOT_INTENDED, f"the part is still there: it changed by {seen.gone:.3f}"
        return "ok", "the intended change is there"


def _inside(case: Case) -> float:
    tokens: Mask = np.zeros(case.window.grid, dtype=bool)
    tokens.ravel()[case.variant.targets] = True
    zone = from_grid(tokens, case.window.box, case.mask.shape)
    return float((case.mask & zone).sum() / max(int(case.mask.sum()), 1))
