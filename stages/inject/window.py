"""All variants of one work window: from their mappings to finished pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio

from stages.inject.codes import InjectCode
from stages.inject.composite import (
    Plane,
    blend,
    composite,
    gather_residual,
    residual_weight,
    visible,
)
from stages.inject.params import InjectParams, all_values, of_tool
from stages.inject.render import Plan, Rendering, Settings, render
from stages.inject.tokens import grow, halo_box, repeated, source_index
from stages.models.flow.solvers import Solver
from stages.models.flow.trajectory import Trajectory
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Box, Variant, Window
from stages.records.masks import Mask, bounding_box, from_grid
from stages.records.seeding import generator
from stages.records.windows import cut

if TYPE_CHECKING:
    from stages.models.flow.decode import Statistics
    from stages.models.flow.model import Flow


class Unusable(Exception):
    """A variant cannot be rendered; `code` is the reject's."""

    def __init__(self, code: InjectCode, message: str) -> None:
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
    reconstruction_psnr: float
    evaluations: float
    together: int

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
        prompt: the inversion's text condition.

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
        prompt: str = "",
    ) -> None:
        tokens = window.grid[0] * window.grid[1]
        if trajectory.points.shape[1] != tokens:
            raise ValueError(f"{trajectory.points.shape[1]} tokens for a window of {tokens}")
        self.flow, self.photo, self.window, self.params = flow, photo, window, params
        self.trajectory = trajectory
        states, faithful = trajectory.states(solver), params.mode == "faithful"
        # All variants together start with the earliest tool, whichever tools there are, so that
        # a variant's picture does not depend on its neighbours.
        self.states = states
        self.begin = 0 if faithful else start_step(states, max(all_values(params.t_s)))
        self.positions = params.faithful.positions if faithful else params.positions
        self.values = params.faithful.values if faithful else params.values
        self.settings = Settings(
            mode=params.mode,
            solver=solver,
            timesteps=states[::-1][self.begin :],
            blocks=flow.blocks(
                (self.positions.double, self.positions.single),
                (self.values.double, self.values.single),
            ),
            guidance=(params.guidance.source, params.guidance.flaw),
            bucket=params.bucket,
            batch=params.batch,
            prompt=prompt,
        )
        self.picture = cut(photo, window)

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
        if not plans:
            return results
        renderings = self.render(list(plans.values()))
        clean: Decoded | None = None
        for (name, plan), rendering in zip(plans.items(), renderings, strict=True):
            try:
                usable = _check(rendering)
                clean = clean or Decoded(*self.flow.decode_whole(usable.control, self.window.grid))
                results[name] = self.finish(plan, usable, clean)
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
            raise Unusable(InjectCode.BAD_MAPPING, str(error)) from error
        params, tool, faithful = self.params, variant.tool, self.params.mode == "faithful"
        targets = np.zeros(len(index), dtype=bool)
        targets[variant.targets] = True
        targets = targets.reshape(self.window.grid)
        draws = generator(seed, key, variant.id, "start")
        noise = draws.standard_normal((len(index), self.trajectory.points.shape[2]))
        rho = np.where(repeated(index), of_tool(params.repeat_rho, tool), of_tool(params.rho, tool))
        skipped = self.begin if faithful else start_step(self.states, of_tool(params.t_s, tool))
        start, steps = skipped - self.begin, len(self.states) - 1 - skipped
        return Plan(
            index=index,
            targets=targets,
            active=np.ones_like(targets) if faithful else grow(targets, params.margin),
            noise=torch.from_numpy(noise.astype(np.float32)),
            rho=torch.from_numpy(rho.astype(np.float32))[:, None],
            start=start,
            positions_until=start + round(of_tool(self.positions.steps, tool) * steps),
            values_until=start + round(of_tool(self.values.steps, tool) * steps),
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

    def finish(self, plan: Plan, rendering: Rendering, clean: Decoded) -> Picture:
        """Decode, composite, crop.

        Raises:
            Unusable: ``invisible``.
        """
        window, grid = self.window, self.window.grid
        height, width = self.photo.shape[:2]
        weights = blend(plan.active, window, (height, width), self.params.feather)
        x0, y0, x1, y1 = box = bounding_box(weights.edit)
        crop = np.s_[y0:y1, x0:x1]
        decoded = self.decode(plan, rendering, clean)
        lost = self.picture.astype(np.float32) - clean.picture
        kept = np.float32(self.params.residual) * residual_weight(plan.index, grid)[..., None]
        flawed = decoded + kept * gather_residual(lost, plan.index, grid)
        clear = clean.picture + kept * lost
        artifact, control = (
            composite(self.photo, picture.astype(np.float32), window.box, weights)[crop]
            for picture in (flawed, clear)
        )
        edit = weights.edit[crop]
        mask = visible(artifact, control, edit, self.params.mask)
        if not mask.any():
            raise Unusable(InjectCode.INVISIBLE, "artifact and control do not differ to the eye")
        return Picture(
            box=box,
            target_box=bounding_box(from_grid(plan.targets, window.box, (height, width))),
            artifact=artifact,
            control=control,
            mask=mask,
            edit=edit,
            reconstruction_psnr=psnr(self.picture, clean.picture),
            evaluations=rendering.evaluations,
            together=rendering.together,
        )

    def decode(self, plan: Plan, rendering: Rendering, clean: Decoded) -> Plane:
        """The window with the flaw, (H, W, 3): only the active tokens and a halo are decoded.

        The decoder's statistics are the control's; elsewhere the picture is the control.
        """
        rows, columns = self.window.grid
        top, left, bottom, right = halo_box(plan.active, self.params.halo)
        piece = rendering.artifact.reshape(rows, columns, -1)[top:bottom, left:right]
        size = bottom - top, right - left
        picture = clean.picture.copy()
        picture[top * TOKEN : bottom * TOKEN, left * TOKEN : right * TOKEN] = self.flow.decode(
            piece.flatten(0, 1), size, clean.statistics
        )
        return picture


@dataclass(frozen=True)
class Decoded:
    """The control, decoded."""

    picture: Plane
    """(H, W, 3) of the window, 0..255."""
    statistics: Statistics
    """The decoder's, for the flaws' pieces."""


def psnr(picture: Image, decoded: Plane) -> float:
    """Peak signal-to-noise ratio in dB over (H, W, 3) in 0..255; 100 for equal pictures."""
    with np.errstate(divide="ignore"):
        found = peak_signal_noise_ratio(picture.astype(np.float32), decoded, data_range=255)
    return min(float(found), 100.0)


def _check(rendering: Rendering | None) -> Rendering:
    if rendering is None:
        raise Unusable(InjectCode.OUT_OF_MEMORY, "one variant alone does not fit into memory")
    if not torch.isfinite(torch.stack([rendering.artifact, rendering.control])).all():
        raise Unusable(InjectCode.NOT_FINITE, "the rendered latents are not finite")
    return rendering


def start_step(states: Sequence[float], t_s: float) -> int:
    """Steps to leave out so that denoising starts at the timestep nearest to `t_s`.

    Args:
        states: the inversion's timesteps, rising from 0.
        t_s: wanted start time.

    Raises:
        ValueError: the inversion stopped before `t_s`.
    """
    if t_s > states[-1] + 1e-9:
        raise ValueError(f"the inversion stopped at t = {states[-1]:.3f}, before t_s = {t_s}")
    nearest = min(range(1, len(states)), key=lambda step: abs(states[step] - t_s))
    return len(states) - 1 - nearest


def _out_of_memory(error: BaseException) -> bool:
    """CUDA has its own class; the CPU allocator raises a plain RuntimeError."""
    return isinstance(
        error, (MemoryError, torch.OutOfMemoryError)
    ) or "can't allocate memory" in str(error)
