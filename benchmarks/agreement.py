"""Compare the distance between sparse and dense injection with the distance between two seeds.

Both renderings have the same mapping, inversion and injection params. The reference distance is
that of two dense renderings with different draws of the start latent's noise. Mappings of two
seeds are not used: they put the flaw in different places and would flatter sparse injection. Where
`rho` is 0, a second draw would change nothing; the reference is then measured with `FRESH`, a small
share of fresh noise (a tenth of the variance), so that it stays strict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.methods import inject_window, make_prompt
from benchmarks.workload import Task
from stages.inject.params import InjectParams, value_for_tool
from stages.inject.window import RenderedVariant, psnr
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.model import Flow
from stages.models.protocols import PerceptualMetric
from stages.records.masks import bounding_box
from stages.tools import TOOLS, Tool

FRESH = 0.3


@dataclass(frozen=True)
class Distance:
    """The distance of two pictures inside the box of the first one's mask."""

    lpips: float
    psnr: float
    """dB; 100 for equal pictures."""


@dataclass(frozen=True)
class Agreement:
    """The two distances of one variant."""

    tool: Tool
    sparse: Distance
    """Between sparse and dense."""
    seeds: Distance
    """Between dense and dense with another draw of noise."""


def measure_agreement(
    flow: Flow,
    task: Task,
    variants: int,
    inverting: InvertParams,
    injecting: InjectParams,
    metric: PerceptualMetric,
) -> list[Agreement]:
    """Measure the first `variants` of a window.

    Variants that are not visible in every rendering are left out.

    Args:
        flow: the model.
        task: the window and its variants.
        variants: number of variants.
        inverting: section ``invert``.
        injecting: section ``inject``; its mode is ignored.
        metric: LPIPS.
    """
    chosen = task.variants[:variants]
    rho = {tool: value_for_tool(injecting.rho, tool) or FRESH for tool in TOOLS}
    repeat_rho = {tool: value_for_tool(injecting.repeat_rho, tool) or rho[tool] for tool in TOOLS}
    dense = injecting.model_copy(update={"mode": "dense"})
    noisy = dense.model_copy(update={"rho": rho, "repeat_rho": repeat_rho})
    sparse = injecting.model_copy(update={"mode": "sparse"})
    trajectory = invert(flow, task.picture, inverting, make_prompt(flow, task, inverting))
    renderings = [
        inject_window(flow, task, chosen, trajectory, inverting, params, seed)
        for params, seed in ((dense, 0), (sparse, 0), (noisy, 0), (noisy, 1))
    ]
    found: list[Agreement] = []
    for variant in chosen:
        pictures = [rendering[variant.id] for rendering in renderings]
        visible = [picture for picture in pictures if isinstance(picture, RenderedVariant)]
        if len(visible) == len(pictures):
            dense_0, sparse_0, noisy_0, noisy_1 = visible
            modes, seeds = (dense_0, sparse_0, metric), (noisy_0, noisy_1, metric)
            found.append(Agreement(variant.tool, distance(*modes), distance(*seeds)))
    return found


def distance(a: RenderedVariant, b: RenderedVariant, metric: PerceptualMetric) -> Distance:
    """Measure the distance of two renderings of one variant inside the box of `a`'s mask."""
    x0, y0, x1, y1 = bounding_box(a.mask)
    box = np.s_[y0:y1, x0:x1]
    one, other = a.artifact[box], b.artifact[box]
    return Distance(metric.distance(one, other), psnr(one, other.astype(np.float32)))
