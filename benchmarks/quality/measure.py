"""Measure the figures of each picture and summarize them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from pydantic import Field

from benchmarks.quality import intended, network
from benchmarks.quality.calibrate import Thresholds
from benchmarks.quality.intended import RULES, Comparison
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderings import RenderedVariant, Renderings
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.models.judge.features import patches, seams
from stages.models.metric.lpips import AlexLpips
from stages.records.documents import Document
from stages.records.source_index import source_index
from stages.tools import Tool

_CODE = tuple(
    Path(path)
    for path in (intended.__file__, __file__, network.__file__, patches.__file__, seams.__file__)
)


class Figures(Document):
    """The figures of one variant. Those that need a picture are None where nothing is visible."""

    name: str
    tool: Tool
    reason: str
    """``ok``, or the reject code of the inject stage."""
    intended: bool = False
    control_intended: bool = False
    """Whether the rule accepts the control; it should be False."""
    scores: dict[str, float] = Field(default_factory=dict)
    lpips: float | None = None
    """Mean of the LPIPS map between flaw and control inside the mask."""
    contrast: float | None = None
    """Mean contrast of the torn borders, minus that of the photo at the same places."""
    seen: float | None = None
    """Share of torn borders above the photo's own `seams.NATURAL` quantile elsewhere; 0.05 is
    natural."""
    sharpness: float | None = None
    """Steps inside target tokens relative to those of their reference patches; 1 = as sharp."""
    colour: float | None = None
    """CIELAB distance between the mean colours of target tokens and of their reference patches,
    mean over tokens."""


@dataclass(frozen=True)
class Instruments:
    """The models and thresholds that measure."""

    network: MobileNet
    lpips: AlexLpips
    thresholds: Thresholds

    @property
    def digest(self) -> str:
        """Digest of the thresholds and of the measuring code."""
        code = [path.read_text(encoding="utf-8") for path in _CODE]
        return sha256(canonical_json([self.thresholds.model_dump(mode="json"), code]))[:12]


def measure(renderings: Renderings, instruments: Instruments, folder: Path) -> Iterator[Figures]:
    """Yield the figures of every variant; cached in `folder` until pictures or measures change."""
    kept = folder / "figures" / f"{renderings.renderer.digest}-{instruments.digest}"
    for rendered in renderings:
        path = kept / f"{rendered.name}.json"
        if not path.is_file():
            found = compute_figures(rendered, instruments)
            write_atomically(path, found.model_dump_json().encode())
        yield Figures.model_validate_json(path.read_bytes())


def compute_figures(rendered: RenderedVariant, instruments: Instruments) -> Figures:
    """Compute the figures of one variant."""
    variant, crop, tool = rendered.variant, rendered.crop, rendered.variant.tool
    if crop is None:
        return Figures(name=rendered.name, tool=tool, reason=rendered.reason)
    photo, picture, control = (rendered.window(of) for of in ("photo", "artifact", "control"))
    before = instruments.network.tokens(photo)
    scores = []
    for window in (picture, control):
        after = instruments.network.tokens(window)
        comparison = Comparison(variant, rendered.sides, photo, window, before, after)
        scores.append(RULES[tool](comparison))
    index = source_index(variant, rendered.case.window.grid)
    contrast, seen = seams.seam(photo, picture, index, rendered.case.window.grid)
    distance = instruments.lpips.spatial(crop.artifact, crop.control)
    return Figures(
        name=rendered.name,
        tool=tool,
        reason="ok",
        intended=instruments.thresholds.accepts(tool, scores[0]),
        control_intended=instruments.thresholds.accepts(tool, scores[1]),
        scores=scores[0],
        lpips=float(distance[crop.mask].mean()),
        contrast=contrast,
        seen=seen,
        sharpness=patches.sharpness(photo, picture, index),
        colour=patches.colour(photo, picture, index),
    )


@dataclass(frozen=True)
class Summary:
    """A summary of many variants; each figure covers the variants that have it."""

    count: int
    visible: float
    intended: float
    control_intended: float
    lpips: float
    contrast: float
    seen: float
    sharpness: float
    colour: float


def summarize(rows: Sequence[Figures]) -> Summary:
    """Summarize the figures; invisible variants count as not intended.

    LPIPS is a median, the other figures are means.
    """

    def found(name: str) -> list[float]:
        return [v for row in rows if (v := getattr(row, name)) is not None] or [float("nan")]

    return Summary(
        count=len(rows),
        visible=fmean(row.reason == "ok" for row in rows),
        intended=fmean(row.intended for row in rows),
        control_intended=fmean(row.control_intended for row in rows),
        lpips=float(np.median(found("lpips"))),
        contrast=fmean(found("contrast")),
        seen=fmean(found("seen")),
        sharpness=fmean(found("sharpness")),
        colour=fmean(found("colour")),
    )
