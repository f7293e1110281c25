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
"""A time on the way from photo (0) to noise (1)."""
Decibels = Annotated[float, Field(ge=0, le=100)]


def _each_tool(values: dict[Tool, float]) -> dict[Tool, float]:
    if missing := set(TOOLS) - set(values):
        words = ", ".join(sorted(missing))
        raise PydanticCustomError("tools", "no share for {missing}", {"missing": words})
    return values


def _form(value: Any) -> str:
    return "each" if isinstance(value, dict) else "all"


_EachTool = AfterValidator(_each_tool)
ShareOfTool = Annotated[
    Annotated[Share, Tag("all")] | Annotated[dict[Tool, Share], _EachTool, Tag("each")],
    Discriminator(_form),
]
"""One share for all tools, or one each."""
StartOfTool = Annotated[
    Annotated[Start, Tag("all")] | Annotated[dict[Tool, Start], _EachTool, Tag("each")],
    Discriminator(_form),
]
"""One start time for all tools, or one each."""


def of_tool(value: float | dict[Tool, float], tool: Tool) -> float:
    """What holds for `tool`."""
    return value[tool] if isinstance(value, dict) else value


def all_values(value: float | dict[Tool, float]) -> list[float]:
    """Every share that stands there."""
    return list(value.values()) if isinstance(value, dict) else [value]


class Shares(Section):
    """Where an injection is on."""

    steps: ShareOfTool
    """Share of a variant's steps, from its first on."""
    double: Share
    """Share of the double-stream blocks: the first for positions, the last for values."""
    single: Share
    """Share of the single-stream blocks, likewise."""


class Guidance(Section):
    """Distilled guidance, for models that embed it (FLUX.1-dev)."""

    source: float = Field(default=1.0, ge=0, le=100)
    """Of the source branch: the inversion's."""
    flaw: float = Field(default=5.0, ge=0, le=100)


_POSITION_STEPS: dict[Tool, float] = {
    tool: how.position_steps for tool, how in tools.by_tool(InjectionAspect).items()
}


class FaithfulPositions(Shares):
    """Position injection of the released recipe; the share of steps is each tool's own."""

    steps: ShareOfTool = Field(default_factory=lambda: dict(_POSITION_STEPS))
    double: Share = 1.0
    single: Share = 0.5


class Faithful(Section):
    """The released recipe's numbers, used in ``mode: faithful``."""

    positions: FaithfulPositions = FaithfulPositions()
    values: Shares = Shares(steps=0.8, double=0.0, single=0.5)


class MaskParams(Section):
    """What counts as visible."""

    threshold: float = Field(default=6.0, gt=0, le=100)
    """CIELAB colour difference (CIE 1976) between artifact and control, after smoothing."""
    smoothing: float = Field(default=1.5, ge=0, le=32)
    """Gaussian sigma in pixels, so that single pixels of noise do not count."""
    closing: int = Field(default=7, ge=1, le=127)
    """Side of the square that joins neighbouring pieces, in pixels."""
    min_pixels: int = Field(default=48, ge=1, le=65536)
    """Smaller pieces are dropped."""


class InjectGate(GateParams):
    """Thresholds of the inject gate."""

    max_reject_rate: Share = 0.5
    max_variant_reject_rate: Share = 0.5
    """Variants that could not be rendered or cannot be seen."""
    max_evaluations_mean: Mean = 60.0
    """Forwards of a whole window per variant, its share of the source branch counted."""
    min_reconstruction_psnr_mean: Decibels = 20.0
    """dB, mean over variants."""
    max_mask_share_mean: PositiveShare = 0.9
    """Mean share of `edit` that is visible: near 1, the mask says nothing."""
    min_difference_mean: float = Field(default=8.0, ge=0, le=255)
    """Mean over variants of the difference to the control inside the mask, in grey levels."""


@registry.add_sections("flow")
class InjectParams(StageParams):
    """Section ``inject`` of params.yaml."""

    layout_only: ClassVar[frozenset[str]] = frozenset({"min_reconstruction_psnr"})
    mode: Mode = "sparse"
    """``sparse`` computes active tokens only, ``dense`` all with the background held to the source
    branch, ``faithful`` the released recipe (its shares below; no start gather, nothing held)."""
    t_s: StartOfTool = 1.0
    """Where denoising starts: the inversion's timestep nearest to it."""
    rho: ShareOfTool = 0.0
    """Share of fresh noise in the start latent of targets."""
    repeat_rho: ShareOfTool = 0.0
    """The same for targets whose reference another target of the variant takes after too."""
    positions: Shares = Shares(steps=0.25, double=1.0, single=0.5)
    values: Shares = Shares(steps=0.5, double=0.0, single=0.5)
    guidance: Guidance = Guidance()
    faithful: Faithful = Faithful()
    bucket: int = Field(default=16, ge=1, le=4096)
    """Sparse forwards hold a multiple of so many tokens."""
    batch: int = Field(default=1, ge=1, le=64)
    """Variants of one padded size in a sparse forward. 1: a variant's bytes do not depend on its
    neighbours. More is faster on a GPU."""
    margin: int = Field(default=1, ge=0, le=8)
    """Tokens around the targets that the model may change to blend them in."""
    feather: float = Field(default=10.0, ge=0, le=64)
    """Width of the composite's ramp around the active tokens, in model pixels."""
    halo: int = Field(default=2, ge=0, le=64)
    """Tokens around the active ones that are decoded with them."""
    residual: Share = 1.0
    """How much of what the model lost of the photo is given back, gathered like the latents."""
    mask: MaskParams = MaskParams()
    min_reconstruction_psnr: Decibels = 15.0
    """dB, every window: below, the control is another picture than the photo, and its variants fall
    out. Changing it renders nothing anew."""
    gate: InjectGate = InjectGate()  # pyright: ignore[reportIncompatibleVariableOverride]
