"""Section ``inject`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from stages import tools
from stages.engine.section import Mean, PositiveShare, Section, Share
from stages.engine.stage import GateParams, StageParams
from stages.models import registry
from stages.tools import TOOLS, Tool
from stages.tools.aspects.injection import InjectionAspect

Mode = Literal["sparse", "dense", "faithful"]
Start = Annotated[float, Field(ge=0.05, le=1)]
"""A time between photo (0) and noise (1)."""
Decibels = Annotated[float, Field(ge=0, le=100)]


def _require_all_tools(values: dict[Tool, float]) -> dict[Tool, float]:
    if missing := set(TOOLS) - set(values):
        words = ", ".join(sorted(missing))
        raise PydanticCustomError("tools", "no share for {missing}", {"missing": words})
    return values


def _find_tag(value: Any) -> str:
    return "each" if isinstance(value, dict) else "all"


_AllTools = AfterValidator(_require_all_tools)
ShareOfTool = Annotated[
    Annotated[Share, Tag("all")] | Annotated[dict[Tool, Share], _AllTools, Tag("each")],
    Discriminator(_find_tag),
]
"""One share for all tools, or one per tool."""
StartOfTool = Annotated[
    Annotated[Start, Tag("all")] | Annotated[dict[Tool, Start], _AllTools, Tag("each")],
    Discriminator(_find_tag),
]
"""One start time for all tools, or one per tool."""


def value_for_tool(value: float | dict[Tool, float], tool: Tool) -> float:
    """Return the value that applies to `tool`."""
    return value[tool] if isinstance(value, dict) else value


def all_values(value: float | dict[Tool, float]) -> list[float]:
    """Return the one value, or those of all tools."""
    return list(value.values()) if isinstance(value, dict) else [value]


class Shares(Section):
    """The steps and blocks in which positions or values are injected."""

    steps: ShareOfTool
    """Share of a variant's steps, counted from its first."""
    double: Share
    """Share of the double-stream blocks: the first ones for positions, the last ones for values."""
    single: Share
    """Share of the single-stream blocks, likewise."""


class Guidance(Section):
    """Distilled guidance, for models that embed it (FLUX.1-dev)."""

    source: float = Field(default=1.0, ge=0, le=100)
    """Guidance of the source branch: that of the inversion."""
    flaw: float = Field(default=5.0, ge=0, le=100)
    """Guidance of the flaws."""


_POSITION_STEPS: dict[Tool, float] = {
    tool: how.position_steps for tool, how in tools.by_tool(InjectionAspect).items()
}


class FaithfulPositions(Shares):
    """Position injection of the released recipe; the share of steps is each tool's own."""

    steps: ShareOfTool = Field(default_factory=lambda: dict(_POSITION_STEPS))
    double: Share = 1.0
    single: Share = 0.5


class Faithful(Section):
    """The released recipe (krafton-ai/Artiagent at f4f409a), used by ``mode: faithful``."""

    positions: FaithfulPositions = FaithfulPositions()
    values: Shares = Shares(steps=0.8, double=0.0, single=0.474)
    """20 of 25 steps, and the last 18 of FLUX's 38 single-stream blocks."""
    text_values: bool = True
    """Whether the blocks that inject values take those of the text tokens from the inversion too.
    The earlier revision 8393ea7 does not."""
    mapped_values: Literal["while_positions", "always"] = "while_positions"
    """When injected values are gathered by the mapping. ``while_positions``: while positions are
    injected; afterwards every token takes its own of the inversion."""
    source_time: Literal["previous", "same"] = "previous"
    """The evaluation of the inversion that values come from. ``previous``: the one that began the
    same step of the inversion, one timestep nearer to the photo; ``same``: the same timestep."""


class MaskParams(Section):
    """What counts as a visible difference."""

    threshold: float = Field(default=6.0, gt=0, le=100)
    """CIELAB colour difference (CIE 1976) between artifact and control, after smoothing."""
    smoothing: float = Field(default=1.5, ge=0, le=32)
    """Gaussian sigma in pixels; it keeps single noisy pixels out."""
    closing: int = Field(default=7, ge=1, le=127)
    """Side of the square that joins neighbouring pieces, in pixels."""
    min_pixels: int = Field(default=48, ge=1, le=65536)
    """Minimum size of a piece in pixels; smaller ones are dropped."""


class InjectGate(GateParams):
    """Thresholds of the inject gate."""

    max_reject_rate: Share = 0.5
    max_variant_reject_rate: Share = 0.5
    """Maximum share of variants that could not be rendered or are not visible."""
    max_evaluations_mean: Mean = 60.0
    """Maximum of the mean cost of a variant, in forward passes over a complete window, including
    its share of the source branch."""
    min_reconstruction_psnr_mean: Decibels = 20.0
    """Minimum of the mean PSNR of controls against photos, in dB."""
    max_mask_share_mean: PositiveShare = 0.9
    """Maximum of the mean share of `edit` that is visible; near 1, the mask carries no
    information."""
    min_difference_mean: float = Field(default=8.0, ge=0, le=255)
    """Minimum of the mean difference from the control inside the mask, in grey levels."""


@registry.add_sections("flow")
class InjectParams(StageParams):
    """Section ``inject`` of params.yaml without its back ends' sections."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"min_reconstruction_psnr"})
    mode: Mode = "sparse"
    """``sparse`` computes active tokens only. ``dense`` computes all tokens and holds the
    background to the source branch. ``faithful`` is the released recipe, with the shares of
    `faithful`, without the start-latent gather and without holding any token."""
    t_s: StartOfTool = 1.0
    """The t at which denoising starts, rounded to the inversion's nearest timestep."""
    rho: ShareOfTool = 0.0
    """Share of fresh noise in the start latent of targets."""
    repeat_rho: ShareOfTool = 0.0
    """That share for targets whose reference an earlier target of the variant already uses."""
    positions: Shares = Shares(steps=0.25, double=1.0, single=0.5)
    values: Shares = Shares(steps=0.5, double=0.0, single=0.5)
    guidance: Guidance = Guidance()
    faithful: Faithful = Faithful()
    batch: int = Field(default=8, ge=1, le=64)
    """Maximum number of variants in a sparse forward pass. With 1 a variant's last bits do not
    depend on the others; more is faster."""
    margin: int = Field(default=1, ge=0, le=8)
    """Tokens around the targets that the model may change to blend them in."""
    feather: float = Field(default=10.0, ge=0, le=64)
    """Width of the composite's ramp around the active tokens, in model pixels."""
    halo: int = Field(default=2, ge=0, le=64)
    """Tokens around the active ones that are decoded too."""
    residual: Share = 1.0
    """Share of what the model lost of the photo that is added back, gathered like the latents."""
    mask: MaskParams = MaskParams()
    min_reconstruction_psnr: Decibels = 15.0
    """Minimum PSNR of a window's control against the photo, in dB. Below it the control no longer
    shows the photo, and the window's variants are rejected. Changing it renders nothing again."""
    gate: InjectGate = InjectGate()  # pyright: ignore[reportIncompatibleVariableOverride]
