"""Check the LPIPS bounds (algorithm section 5): is the flaw strong enough, and not too strong?"""

from __future__ import annotations

from dataclasses import dataclass

from stages import tools
from stages.engine.codes import RejectCode
from stages.filter.params import Bounds
from stages.models.judge.codes import JudgeCode
from stages.models.protocols import Case, PerceptualMetric
from stages.records.documents import Box
from stages.records.images import Image
from stages.records.masks import Mask
from stages.tools import Tool
from stages.tools.aspects.filtering import FilteringAspect


class BoundsCode(RejectCode):
    """Reasons to reject a variant by LPIPS alone."""

    TOO_WEAK = "too_weak"
    TOO_STRONG = "too_strong"


@dataclass(frozen=True)
class Distances:
    """LPIPS distances of one variant."""

    lpips_real: float
    """Between photo and artifact in the target box."""
    lpips_control: float
    """Between control and artifact in the target box."""
    lpips_mask: float
    """Mean, over the mask, of the distance map between control and artifact; 0 if it is empty."""


def measure(case: Case, target_box: Box, metric: PerceptualMetric) -> Distances:
    """Measure the three distances of a variant."""
    x0, y0, x1, y1 = target_box
    pictures = (image[y0:y1, x0:x1] for image in (case.real, case.control, case.artifact))
    return measure_crops(*pictures, mask=case.mask[y0:y1, x0:x1], metric=metric)


def measure_crops(
    real: Image, control: Image, artifact: Image, *, mask: Mask, metric: PerceptualMetric
) -> Distances:
    """Measure the three distances of a variant from its crops of the target box."""
    spatial = metric.spatial(control, artifact)
    return Distances(
        lpips_real=metric.distance(real, artifact),
        lpips_control=metric.distance(control, artifact),
        lpips_mask=float(spatial[mask].mean()) if mask.any() else 0.0,
    )


def check(tool: Tool, found: Distances, bounds: Bounds) -> tuple[str, str]:
    """Return the reject code (or ``ok``) and the message."""
    if found.lpips_control < bounds.control or found.lpips_mask < bounds.mask:
        return JudgeCode.NOT_PERCEPTIBLE, (
            f"LPIPS to the control is {found.lpips_control:.3f} in the target box "
            f"and {found.lpips_mask:.3f} on the mask"
        )
    to_photo = f"LPIPS to the photo is {found.lpips_real:.3f}"
    if not tools.aspect(tool, FilteringAspect).band:
        return "ok", "within the bounds"
    if found.lpips_real <= bounds.low:
        return BoundsCode.TOO_WEAK, f"{to_photo}, at most {bounds.low}"
    if found.lpips_real >= bounds.high:
        return BoundsCode.TOO_STRONG, f"{to_photo}, at least {bounds.high}"
    return "ok", "within the bounds"
