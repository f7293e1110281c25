"""Section ``map`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from stages.engine.section import Count, Mean, PositiveShare, Share, Strings, refusal
from stages.engine.stage import GateParams, StageParams
from stages.map.add import AddParams
from stages.map.distort import DistortParams
from stages.map.fuse import FuseParams
from stages.map.remove import RemoveParams
from stages.map.tools import KERNELS
from stages.records.documents import TOOLS, Tool


class MapGate(GateParams):
    """Thresholds of ``gate.json``."""

    max_reject_rate: Share = 0.8
    max_mean_shortfall: Mean = 4.0
    """Variants wanted but not possible, mean over variants."""
    min_add: Count = 0
    """Least number of variants of a tool in the data set; likewise below."""
    min_remove: Count = 0
    min_distort: Count = 0
    min_fuse: Count = 0


Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class MapParams(StageParams):
    """Which flaws a photo gets, and the tools' numbers."""

    gate: MapGate = MapGate()  # pyright: ignore[reportIncompatibleVariableOverride]
    variants: int = Field(default=4, ge=1, le=64)
    """K, variants wanted of each photo; they share its windows' inversions."""
    weights: dict[Tool, Weight] = Field(default_factory=lambda: dict.fromkeys(TOOLS, 1.0))
    """A photo draws its tools from an urn with so many tickets a tool, refilled when it is empty
    (equal weights: every possible tool once before any twice); absent or 0 = not this tool."""
    kernels: dict[Tool, Strings] = Field(default_factory=dict)
    """Kernels to draw from, by tool; a tool not named here uses all it has."""
    entities: Strings = ()
    """Only entities of these names; empty = all."""
    max_per_tool: int = Field(default=2, ge=1, le=64)
    """Most variants of one tool in a photo."""
    max_per_part: int = Field(default=2, ge=1, le=64)
    """Most variants of a photo that use one part."""
    min_tokens: int = Field(default=6, ge=2, le=2048)
    """Smaller parts, and flaws of fewer targets, are left out (3 tokens wide, 2 high)."""
    max_share: float = Field(default=0.4, gt=0, le=0.5)
    """Parts and flaws above this share of the window are left out."""
    min_inside: PositiveShare = 0.9
    """Parts with less than this share of their pixels in the window are left out (not fuse)."""
    min_moved_share: Share = 0.5
    """Flaws with fewer targets that take another token's appearance are left out."""
    add: AddParams = AddParams()
    remove: RemoveParams = RemoveParams()
    distort: DistortParams = DistortParams()
    fuse: FuseParams = FuseParams()

    @model_validator(mode="after")
    def _kernels_and_weights(self) -> Self:
        for tool, names in self.kernels.items():
            if not names or set(names) - set(KERNELS[tool]):
                known = ", ".join(KERNELS[tool])
                raise refusal(f"kernels.{tool}", list(names), f"must name some of: {known}")
        if not any(self.weights.values()):
            raise refusal("weights", self.weights, "must have one above 0")
        return self
