"""All variants of one work window: from their mappings to finished pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from stages.engine.masks import Mask, bounding_box, from_grid
from stages.engine.record import Box, Variant, Window
from stages.engine.seeding import generator
from stages.inject.composite import blend, composite, residual, visible
from stages.inject.params import InjectParams
from stages.inject.render import Plan, Rendering, Settings, render
from stages.inject.tokens import grow, source_index
from stages.invert.solvers import Solver
from stages.invert.trajectory import Trajectory
from stages.invert.windows import cut
from stages.models.protocols import Image

if TYPE_CHECKING:
    from stages.models.flow import Flow


class Unusable(Exception):
    """A variant cannot be rendered; `code` is the reject's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Picture:
    """One variant, finished; pictures and masks are crops of the photo at `box`."""

    box: Box
    target_box: Box
    artifact: Image
    control: Image
    mask: Mask
    edit: Mask
    evaluations: float

    @property
    def difference(self) -> float:
        """Mean absolute difference to the control inside the mask, in grey levels."""
        apart = np.abs(self.artifact.astype(np.int16) - self.control.astype(np.int16))
        return float(apart[self.mask].mean()) if self.mask.any() else 0.0


class WindowJob:
    """Renders the variants of one window of one photo.

    Args:
        flow: the loaded model.
        photo: (H, W, 3).
        window: where to work.
        trajectory: its inversion.
        solver: the one that inverted it.
        params: section ``inject``.

    Raises:
        ValueError: the trajectory does not fit the window or the params, the window not the photo.
    """

    def __init__(
        self,
        flow: Flow,
        photo: Image,
        window: Window,
        trajectory: Trajectory,
        solver: Solver,
        params: InjectParams,
    ) -> None:
        tokens = window.grid[0] * window.grid[1]
        if trajectory.points.shape[1] != tokens:
            raise ValueError(f"{trajectory.points.shape[1]} tokens for a window of {tokens}")
        self.flow, self.photo, self.window, self.params = flow, photo, window, params
        self.trajectory = trajectory
        self.settings = Settings(
            solver=solver,
            timesteps=falling(trajectory.states(solver), params.t_s),
            positions=params.positions,
            values=params.values,
            rho=params.rho,
        )
        self.picture = cut(photo, window)
        self.decoded = flow.decode(trajectory.at(0.0)[None], window.grid)[0]

    def run(
        self, variants: Sequence[Variant], seed: int, key: str
    ) -> dict[str, Picture | Unusable]:
        """Every variant's picture, or why there is none, by variant id."""
        results: dict[str, Picture | Unusable] = {}
        plans: dict[str, Plan] = {}
        for variant in variants:
            try:
                plans[variant.id] = self.plan(variant, seed, key)
            except Unusable as reason:
                results[variant.id] = reason
        renderings = self.render(list(plans.values())) if plans else []
        for (name, plan), rendering in zip(plans.items(), renderings, strict=True):
            try:
                results[name] = self.finish(plan, rendering)
            except Unusable as reason:
                results[name] = reason
        return results

    def plan(self, variant: Variant, seed: int, key: str) -> Plan:
        """The variant over the grid.

        Raises:
            Unusable: ``bad_mapping``.
        """
        try:
            index = source_index(variant, self.window.grid)
        except ValueError as error:
            raise Unusable("bad_mapping", str(error)) from error
        targets = np.zeros(len(index), dtype=bool)
        targets[variant.targets] = True
        targets = targets.reshape(self.window.grid)
        draws = generator(seed, key, variant.id, "start")
        noise = draws.standard_normal((len(index), self.trajectory.points.shape[2]))
        return Plan(
            index,
            targets,
            grow(targets, self.params.margin),
            torch.from_numpy(noise.astype(np.float32)),
        )

    def render(self, plans: Sequence[Plan]) -> list[Rendering | None]:
        """One rendering a plan, None where even that one alone runs out of memory.

        Where the batch does not fit it is halved until it does.
        """
        try:
            return list(render(self.flow, self.trajectory, plans, self.settings))
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            if len(plans) == 1:
                return [None]
        half = len(plans) // 2
        return self.render(plans[:half]) + self.render(plans[half:])

    def finish(self, plan: Plan, rendering: Rendering | None) -> Picture:
        """Decode, composite, crop.

        Raises:
            Unusable: ``out_of_memory``, ``not_finite`` or ``invisible``.
        """
        if rendering is None:
            raise Unusable("out_of_memory", "one variant alone does not fit into memory")
        latents = torch.stack([rendering.artifact, rendering.control])
        if not torch.isfinite(latents).all():
            raise Unusable("not_finite", "the rendered latents are not finite")
        window, shape = self.window, self.photo.shape[:2]
        artifact, control = self.flow.decode(latents, window.grid)
        identity = np.arange(len(plan.index))
        share = self.params.residual
        artifact = artifact + share * residual(self.picture, self.decoded, plan.index, window.grid)
        control = control + share * residual(self.picture, self.decoded, identity, window.grid)
        weights = blend(plan.active, window, (shape[0], shape[1]), self.params.feather)
        x0, y0, x1, y1 = box = bounding_box(weights.edit)
        crop = np.s_[y0:y1, x0:x1]
        flawed = composite(self.photo, artifact, window.box, weights)[crop]
        clean = composite(self.photo, control, window.box, weights)[crop]
        edit = weights.edit[crop]
        mask = visible(flawed, clean, edit, self.params.mask)
        if not mask.any():
            raise Unusable("invisible", "artifact and control do not differ to the eye")
        aimed = from_grid(plan.targets, window.box, (shape[0], shape[1]))
        return Picture(box, bounding_box(aimed), flawed, clean, mask, edit, rendering.evaluations)


def falling(states: Sequence[float], t_s: float) -> tuple[float, ...]:
    """The inversion's timesteps from the one nearest to `t_s` down to 0.

    Raises:
        ValueError: the inversion stopped before `t_s`.
    """
    if t_s > states[-1] + 1e-9:
        raise ValueError(f"the inversion stopped at t = {states[-1]:.3f}, before t_s = {t_s}")
    start = min(range(1, len(states)), key=lambda step: abs(states[step] - t_s))
    return tuple(states[start::-1])


def _out_of_memory(error: BaseException) -> bool:
    """CUDA has its own class; the CPU allocator raises a plain RuntimeError."""
    return isinstance(
        error, (MemoryError, torch.OutOfMemoryError)
    ) or "can't allocate memory" in str(error)
