"""Inversion of one window, from photo to noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from stages.invert.params import InvertParams
from stages.models.flow.solvers import integrate, schedule
from stages.models.flow.trajectory import Trajectory
from stages.models.protocols import Image
from stages.records.documents import TOKEN

if TYPE_CHECKING:
    from stages.models.flow.model import Flow


def invert(flow: Flow, picture: Image, params: InvertParams, prompt: str = "") -> Trajectory:
    """Integrate a window from photo to noise and return all its latents (algorithm section 3).

    Args:
        flow: the model.
        picture: the window, (H, W, 3) uint8, sides multiples of 16.
        params: solver and steps.
        prompt: text condition, for models with text encoders.
    """
    rows, columns = picture.shape[0] // TOKEN, picture.shape[1] // TOKEN
    times: list[float] = []
    points: list[torch.Tensor] = []

    def record(z: torch.Tensor, t: float) -> torch.Tensor:
        times.append(t)
        points.append(z[0].float().cpu())
        return z

    integrate(
        params.solver,
        lambda z, t: flow.velocity(
            z, t, (rows, columns), guidance=[params.guidance], prompt=prompt
        ),
        flow.encode(picture).float(),
        schedule(params.steps, flow.shift(rows * columns), params.until),
        record,
    )
    return Trajectory(tuple(times), torch.stack(points))
