"""The figures of one picture, and their summary over many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from pydantic import Field

from benchmarks.quality import intended, network
from benchmarks.quality.calibrate import Thresholds
from benchmarks.quality.intended import RULES, Look
from benchmarks.quality.network import MobileNet
from benchmarks.quality.renderings import Renderings, Shown
from stages.engine.files import canonical_json, sha256, write_atomically
from stages.inject.tokens import source_index
from stages.models.judge.features import patches, seams
from stages.models.metric.lpips import AlexLpips
from stages.records.documents import Document, Tool

_CODE = tuple(
    Path(path)
    for path in (intended.__file__, __file__, network.__file__, patches.__file__, seams.__file__)
)


class Figures(Document):
    """Of one variant. What needs a picture is None where nothing can be seen."""

    name: str
    tool: Tool
    reason: str
    """``ok``, or the reject code of the inject stage."""
    intended: bool = False
    control_intended: bool = False
    """The rule's word on the control, of which it should be False."""
    scores: dict[str, float] = Field(default_factory=dict)
    lpips: float | None = None
    """Mean of the LPIPS map between flaw and control over the mask."""
    contrast: float | None = None
    """Mean contrast of the torn borders, less that of the photo at the same places."""
    seen: float | None = None
    """Share of torn borders above the photo's own `seams.NATURAL` quantile elsewhere; natural:
    0.05."""
    sharpness: float | None = None
    """Steps inside target tokens against those of the patches they take after; 1 = as sharp."""
    colour: float | None = None
    """CIELAB distance between the mean colours of target tokens and of the patches they take after,
    mean over tokens: pieces that change their colour on the way."""


@dataclass(frozen=True)
class Instruments:
    """What measures."""

    network: MobileNet
    lpips: AlexLpips
    thresholds: Thresholds

    @property
    def digest(self) -> str:
        """Of thresholds and of the code that measures."""
        code = [path.read_text(encoding="utf-8") for path in _CODE]
        return sha256(canonical_json([self.thresholds.model_dump(mode="json"), code]))[:12]


def measure(renderings: Renderings, instruments: Instruments, folder: Path) -> Iterator[Figures]:
    """Of every variant of the set; kept in `folder` until pictures or measures change."""
    kept = folder / "figures" / f"{renderings.renderer.digest}-{instruments.digest}"
    for shown in renderings:
        path = kept / f"{shown.name}.json"
        if not path.is_file():
            write_atomically(path, figures(shown, instruments).model_dump_json().encode())
        yield Figures.model_validate_json(path.read_bytes())


def figures(shown: Shown, instruments: Instruments) -> Figures:
    """Of one variant."""
    variant, crop, tool = shown.variant, shown.crop, shown.variant.tool
    if crop is None:
        return Figures(name=shown.name, tool=tool, reason=shown.reason)
    photo, picture, control = (shown.window(of) for of in ("photo", "artifact", "control"))
    before = instruments.network.tokens(photo)
    scores = []
    for window in (picture, control):
        after = instruments.network.tokens(window)
        scores.append(RULES[tool](Look(variant, shown.sides, photo, window, before, after)))
    index = source_index(variant, shown.case.window.grid)
    contrast, seen = seams.seam(photo, picture, index, shown.case.window.grid)
    distance = instruments.lpips.spatial(crop.artifact, crop.control)
    return Figures(
        name=shown.name,
        tool=tool,
        reason="ok",
        intended=instruments.thresholds.passed(tool, scores[0]),
        control_intended=instruments.thresholds.passed(tool, scores[1]),
        scores=scores[0],
        lpips=float(distance[crop.mask].mean()),
        contrast=contrast,
        seen=seen,
        sharpness=patches.sharpness(photo, picture, index),
        colour=patches.colour(photo, picture, index),
    )


@dataclass(frozen=True)
class Summary:
    """Of many variants; shares and means over those that have the figure."""

    count: int
    visible: float
    intended: float
    control_intended: float
    lpips: float
    contrast: float
    seen: float
    sharpness: float
    colour: float


def summary(rows: Sequence[Figures]) -> Summary:
    """Invisible variants count as not intended; LPIPS is a median, the other figures are means."""

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
