"""Section ``map`` of params.yaml."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from stages.engine.record import TOOLS, Tool
from stages.engine.stage import GateParams, StageParams
from stages.map.add import AddParams
from stages.map.distort import DistortParams
from stages.map.fuse import FuseParams
from stages.map.remove import RemoveParams
from stages.map.tools import KERNELS


class MapGate(GateParams):
    """Thresholds of ``gate.json``."""

    max_reject_rate: float = Field(default=0.8, ge=0, le=1)
    max_mean_shortfall: float = 4.0
    """Variants wanted but not possible, mean over variants."""
    min_add: int = 0
    """Least number of variants of a tool in the data set; likewise below."""
    min_remove: int = 0
    min_distort: int = 0
    min_fuse: int = 0


class MapParams(StageParams):
    """Which flaws a photo gets, and the tools' numbers."""

    gate: MapGate = MapGate()  # pyright: ignore[reportIncompatibleVariableOverride]
    variants: int = Field(default=4, ge=1, le=64)
    """K, variants wanted of each photo; they share its windows' inversions."""
    weights: dict[Tool, float] = Field(default_factory=lambda: dict.fromkeys(TOOLS, 1.0))
    """A photo draws its tools from an urn with so many tickets a tool, refilled when it is empty
    (equal weights: every possible tool once before any twice); absent or 0 = not this tool."""
    kernels: dict[Tool, tuple[str, ...]] = Field(default_factory=dict)
    """Kernels to draw from, by tool; a tool not named here uses all it has."""
    entities: tuple[str, ...] = ()
    """Only entities of these names; empty = all."""
    max_per_tool: int = Field(default=2, ge=1)
    """Most variants of one tool in a photo."""
    max_per_part: int = Field(default=2, ge=1)
    """Most variants of a photo that use one part."""
    min_tokens: int = Field(default=6, ge=2)
    """Smaller parts, and flaws of fewer targets, are left out (3 tokens wide, 2 high)."""
    max_share: float = Field(default=0.4, gt=0, le=0.5)
    """Parts and flaws above this share of the window are left out."""
    min_inside: float = Field(default=0.9, gt=0, le=1)
    """Parts with less than this share of their pixels in the window are left out (not fuse)."""
    min_moved_share: float = Field(default=0.5, ge=0, le=1)
    """Flaws with fewer targets that take another token's appearance are left out."""
    add: AddParams = AddParams()
    remove: RemoveParams = RemoveParams()
    distort: DistortParams = DistortParams()
    fuse: FuseParams = FuseParams()

    @model_validator(mode="after")
    def _check(self) -> Self:
        for tool, names in self.kernels.items():
            unknown = set(names) - set(KERNELS[tool])
            if unknown or not names:
                known = ", ".join(KERNELS[tool])
                raise ValueError(f"kernels.{tool} must name some of: {known}")
        if any(weight < 0 for weight in self.weights.values()) or not any(self.weights.values()):
            raise ValueError("weights must not be negative, and one must be above 0")
        if self.fuse.far < self.fuse.near:
            raise ValueError("fuse.far must not be below fuse.near")
        return self
