"""Section ``map`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, create_model, model_validator

from stages import tools
from stages.engine.section import Count, Mean, PositiveShare, Share, Strings, refusal
from stages.engine.stage import GateParams, StageParams
from stages.tools import TOOLS, Tool
from stages.tools.aspects.mapping import MappingAspect, ToolParams

MAPPINGS = tools.by_tool(MappingAspect)
"""Tool to how it maps."""
_MINIMA: dict[str, Any] = {f"min_{tool}": (Count, 0) for tool in TOOLS}
_NUMBERS: dict[str, Any] = {tool: (type(m.params), m.params) for tool, m in MAPPINGS.items()}


class MapGate(create_model("ToolMinima", __base__=GateParams, **_MINIMA)):
    """Thresholds of ``gate.json``. ``min_<tool>``: minimum number of variants of a tool in the data
    set."""

    max_reject_rate: Share = 0.8
    max_mean_shortfall: Mean = 4.0
    """Variants wanted but not possible, mean over variants."""

    def minimum(self, tool: Tool) -> int:
        """``min_<tool>``."""
        return getattr(self, f"min_{tool}")


Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class MapParams(create_model("ToolNumbers", __base__=StageParams, **_NUMBERS)):
    """Which flaws a photo gets, and under each tool's name the numbers of its kernels."""

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
    """Parts with less than this share of their pixels in the window are left out (not by tools that
    work on two)."""
    min_moved_share: Share = 0.5
    """Flaws with fewer targets that take another token's appearance are left out."""

    def numbers(self, tool: Tool) -> ToolParams:
        """The numbers of a tool's kernels."""
        return getattr(self, tool)

    @model_validator(mode="after")
    def _kernels_and_weights(self) -> Self:
        for tool, names in self.kernels.items():
            kernels = MAPPINGS[tool].kernels
            if not names or set(names) - set(kernels):
                known = ", ".join(kernels)
                raise refusal(f"kernels.{tool}", list(names), f"must name some of: {known}")
        if not any(self.weights.values()):
            raise refusal("weights", self.weights, "must have one above 0")
        return self
