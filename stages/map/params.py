"""Section ``map`` of params.yaml."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, create_model, model_validator

from stages import tools
from stages.engine.section import Count, Mean, PositiveShare, Share, Strings, refusal
from stages.engine.stage import GateParams, StageParams
from stages.map.quotas import Quotas
from stages.tools import TOOLS, Tool
from stages.tools.aspects.mapping import MappingAspect, Pairing, ToolParams

MAPPINGS = tools.by_tool(MappingAspect)
"""Tool to its kernels and their params."""
_MINIMA: dict[str, Any] = {f"min_{tool}": (Count, 0) for tool in TOOLS}
_NUMBERS: dict[str, Any] = {tool: (type(m.params), m.params) for tool, m in MAPPINGS.items()}


class MapGate(create_model("ToolMinima", __base__=GateParams, **_MINIMA)):
    """Thresholds of the map gate. ``min_<tool>``: minimum number of variants of a tool in the data
    set."""

    max_reject_rate: Share = 0.8
    max_mean_shortfall: Mean = 4.0
    """Maximum of the mean, over variants, of the number that is missing from the photo's K."""

    def minimum(self, tool: Tool) -> int:
        """Return ``min_<tool>``."""
        return getattr(self, f"min_{tool}")


Change = Annotated[float, Field(ge=0, le=200)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class MapParams(create_model("ToolNumbers", __base__=StageParams, **_NUMBERS)):
    """Section ``map`` of params.yaml: which flaws a photo gets; the params of a tool's kernels are
    under its name."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"quotas"})
    gate: MapGate = MapGate()  # pyright: ignore[reportIncompatibleVariableOverride]
    variants: int = Field(default=4, ge=1, le=64)
    """K, the number of variants (flaws) to make of each photo; they share its inversions."""
    flaws_per_picture: int = Field(default=1, ge=1, le=8)
    """Maximum number of variants in one flawed picture; ArtiAgent's released code puts up to 3."""
    min_gap: int = Field(default=4, ge=0, le=32)
    """Minimum number of tokens between the targets of two flaws in one picture."""
    weights: dict[Tool, Weight] = Field(default_factory=lambda: dict.fromkeys(TOOLS, 1.0))
    """Tickets per tool in the urn from which a photo's tools are drawn; the urn is refilled when it
    is empty. With equal weights every possible tool comes once before any comes twice. A tool that
    is absent or 0 is not used."""
    kernels: dict[Tool, Strings] = Field(default_factory=dict)
    """Kernels to draw from, by tool; a tool that is absent uses all its kernels."""
    entities: Strings = ()
    """Names of the entities to use; empty = all."""
    max_per_tool: int = Field(default=2, ge=1, le=64)
    """Maximum number of a photo's variants that use one tool."""
    max_per_part: int = Field(default=2, ge=1, le=64)
    """Maximum number of a photo's variants that use one part."""
    positional_weight: PositiveShare = 0.25
    """Weight of a part of which only the position is known, relative to a named one, when one of
    the least used parts is drawn."""
    min_tokens: int = Field(default=6, ge=2, le=2048)
    """Minimum number of tokens of a part, and of targets of a flaw (6: 3 wide, 2 high)."""
    min_positional_tokens: int = Field(default=2, ge=2, le=2048)
    """Minimum number of targets of a flaw of one part that is known by position only."""
    max_share: float = Field(default=0.4, gt=0, le=0.5)
    """Maximum share of the window that a part or a flaw covers."""
    min_inside: PositiveShare = 0.9
    """Minimum share of a part's pixels in the window; not applied to tools that work on two."""
    min_moved_share: Share = 0.5
    """Minimum share of a flaw's targets that take another token's appearance."""
    min_colour_change: dict[Tool, Change] = Field(default_factory=dict)
    """Minimum of the mean CIELAB distance between the colours of targets and references, by tool: a
    flaw in even texture is not seen. A tool that is absent has no minimum."""
    quotas: Quotas = Quotas()
    """Maximum shares of the data set's variants that one tool, entity name or part kind may
    have."""

    def tool_params(self, tool: Tool) -> ToolParams:
        """Return the params of a tool's kernels."""
        return getattr(self, tool)

    def chosen_kernels(self, tool: Tool) -> tuple[str, ...]:
        """Return the names of the kernels of a tool to draw from."""
        return self.kernels.get(tool, tuple(MAPPINGS[tool].kernels))

    def pairings(self, tool: Tool) -> tuple[Pairing, ...]:
        """Return the different pairings that these kernels ask for."""
        found = map(self.tool_params(tool).pairing, self.chosen_kernels(tool))
        return tuple(dict.fromkeys(found))

    @model_validator(mode="after")
    def _check_kernels_and_weights(self) -> Self:
        for tool, names in self.kernels.items():
            kernels = MAPPINGS[tool].kernels
            if not names or set(names) - set(kernels):
                known = ", ".join(kernels)
                raise refusal(f"kernels.{tool}", list(names), f"must name some of: {known}")
        if not any(self.weights.values()):
            raise refusal("weights", self.weights, "must have one above 0")
        return self
