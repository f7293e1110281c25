"""One batch per window: the source branch, the variants and their controls, denoised together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stages.engine.masks import Mask
from stages.inject.params import Shares
from stages.inject.tokens import Index, start_latent
from stages.invert.solvers import Solver, evaluations, integrate
from stages.invert.trajectory import Trajectory

if TYPE_CHECKING:
    from stages.models.flow import Flow
    from stages.models.flow_attention import Injection


@dataclass(frozen=True)
class Settings:
    """How a window is rendered."""

    solver: Solver
    timesteps: tuple[float, ...]
    """Falling, from the start time to 0; each was visited by the inversion."""
    positions: Shares
    values: Shares
    rho: float


@dataclass(frozen=True)
class Plan:
    """One variant over the latent grid."""

    index: Index
    """(N,) source index."""
    targets: Mask
    """(rows, columns)."""
    active: Mask
    """(rows, columns): targets and margin, the tokens that are not held to the inversion."""
    noise: torch.Tensor
    """(N, 64) standard normal, seeded by the variant."""


@dataclass(frozen=True)
class Rendering:
    """Final latents of one variant."""

    artifact: torch.Tensor
    """(N, 64)."""
    control: torch.Tensor
    """(N, 64): same active set, identity mapping."""
    evaluations: float
    """Forwards of one sample: its own, its control's, and its share of the source branch."""


def render(
    flow: Flow, trajectory: Trajectory, plans: Sequence[Plan], settings: Settings
) -> list[Rendering]:
    """Denoise K variants and K controls from the inverted latents (algorithm section 4).

    Tokens outside a variant's active set are held to the inversion's own latents at every
    evaluation point. The source branch is the photo itself, held everywhere; it joins only the
    forwards in which its values are injected.
    """
    count = len(plans)
    rows, columns = plans[0].active.shape
    start = settings.timesteps[0]
    photo, inverted = trajectory.at(0.0), trajectory.at(start)
    starts = [
        start_latent(photo, inverted, start, plan.index, settings.rho, plan.noise) for plan in plans
    ]
    active = torch.from_numpy(np.stack([plan.active.ravel() for plan in plans]))
    active = torch.cat([active, active])[:, :, None]
    index = torch.from_numpy(np.stack([plan.index for plan in plans]))
    identity = torch.arange(index.shape[1]).expand(count, -1)
    order = torch.cat([identity[:1], index, identity])
    schedule = _Schedule(flow, order, (rows, columns), settings)

    def anchor(z: torch.Tensor, t: float) -> torch.Tensor:
        return torch.where(active, z, trajectory.at(t))

    def velocity(z: torch.Tensor, t: float) -> torch.Tensor:
        injection, with_source = schedule.next()
        if with_source:
            z = torch.cat([trajectory.at(t)[None], z])
        v = flow.velocity(z, t, (rows, columns), injection)
        return v[1:] if with_source else v

    state = torch.stack([*starts, *([inverted] * count)])
    state = integrate(settings.solver, velocity, state, settings.timesteps, anchor)
    spent = 2 * schedule.done + schedule.with_source / count
    return [Rendering(state[k], state[count + k], spent) for k in range(count)]


class _Schedule:
    """Which injection each evaluation gets; the source branch is dropped where it is not needed."""

    def __init__(
        self, flow: Flow, index: torch.Tensor, grid: tuple[int, int], settings: Settings
    ) -> None:
        total = evaluations(settings.solver, len(settings.timesteps) - 1)
        self._positions = round(settings.positions.steps * total)
        self._values = round(settings.values.steps * total)
        self._flow, self._index, self._grid, self._settings = flow, index, grid, settings
        self._ready: dict[tuple[bool, bool], Injection | None] = {(False, False): None}
        self.done = self.with_source = 0

    def next(self) -> tuple[Injection | None, bool]:
        """The next evaluation's injection, and whether the source branch leads the batch."""
        positions = self.done < self._positions and self._settings.positions.blocks > 0
        values = self.done < self._values and self._settings.values.blocks > 0
        self.done += 1
        self.with_source += values
        if (positions, values) not in self._ready:
            self._ready[positions, values] = self._flow.inject(
                self._index if values else self._index[1:],
                self._grid,
                positions=self._settings.positions.blocks if positions else 0.0,
                values=self._settings.values.blocks if values else 0.0,
            )
        return self._ready[positions, values], values
