"""How far sparse injection is from dense injection, beside what another seed changes.

Both renderings have the same mapping, inversion and injection. The yardstick is the dense rendering
with two draws of the start latent's noise: mappings of two seeds put the flaw in another place and
would flatter. Where `rho` is 0, and a second draw would change nothing, the yardstick is taken at
`FRESH`, a small share (a tenth of the variance), so that it stays strict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.contestants import inject, prompt
from benchmarks.workload import Task
from stages.inject.params import InjectParams, of_tool
from stages.inject.window import Picture, psnr
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.model import Flow
from stages.models.protocols import PerceptualMetric
from stages.records.documents import TOOLS, Tool
from stages.records.masks import bounding_box

FRESH = 0.3


@dataclass(frozen=True)
class Distance:
    """Two pictures inside the box of the first one's mask."""

    lpips: float
    psnr: float
    """dB; 100 for equal pictures."""


@dataclass(frozen=True)
class Agreement:
    """One variant."""

    tool: Tool
    sparse: Distance
    """Sparse against dense."""
    seeds: Distance
    """Dense against dense with another draw of noise."""


def agreement(
    flow: Flow,
    task: Task,
    variants: int,
    inverting: InvertParams,
    injecting: InjectParams,
    metric: PerceptualMetric,
) -> list[Agreement]:
    """The first `variants` of a window; those that cannot be seen in every rendering are left out.

    Args:
        flow: the model.
        task: the window.
        variants: how many.
        inverting: section ``invert``.
        injecting: section ``inject``; its mode is not read.
        metric: LPIPS.
    """
    chosen = task.variants[:variants]
    rho = {tool: of_tool(injecting.rho, tool) or FRESH for tool in TOOLS}
    repeat_rho = {tool: of_tool(injecting.repeat_rho, tool) or rho[tool] for tool in TOOLS}
    dense = injecting.model_copy(update={"mode": "dense"})
    noisy = dense.model_copy(update={"rho": rho, "repeat_rho": repeat_rho})
    sparse = injecting.model_copy(update={"mode": "sparse"})
    trajectory = invert(flow, task.picture, inverting, prompt(flow, task, inverting))
    renderings = [
        inject(flow, task, chosen, trajectory, inverting, params, seed)
        for params, seed in ((dense, 0), (sparse, 0), (noisy, 0), (noisy, 1))
    ]
    found: list[Agreement] = []
    for variant in chosen:
        pictures = [rendering[variant.id] for rendering in renderings]
        seen = [picture for picture in pictures if isinstance(picture, Picture)]
        if len(seen) == len(pictures):
            first, second, one, other = seen
            between = distance(first, second, metric), distance(one, other, metric)
            found.append(Agreement(variant.tool, *between))
    return found


def distance(a: Picture, b: Picture, metric: PerceptualMetric) -> Distance:
    """Between two renderings of one variant, inside the box of `a`'s mask."""
    x0, y0, x1, y1 = bounding_box(a.mask)
    box = np.s_[y0:y1, x0:x1]
    one, other = a.artifact[box], b.artifact[box]
    return Distance(metric.distance(one, other), psnr(one, other.astype(np.float32)))
