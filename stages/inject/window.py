"""Render all variants of one work window, from mappings to images."""

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
    visible_mask,
)
from stages.inject.params import InjectParams, all_values, value_for_tool
from stages.inject.render import Plan, Rendering, Settings, render
from stages.inject.tokens import find_repeats, grow, halo_box
from stages.models.flow.solvers import Solver
from stages.models.flow.trajectory import Trajectory
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Box, Variant, Window
from stages.records.masks import Mask, bounding_box, from_grid
from stages.records.seeding import generator
from stages.records.source_index import source_index
from stages.records.windows import cut

if TYPE_CHECKING:
    from stages.models.flow.decode import Statistics
    from stages.models.flow.model import Flow


class UnusableVariant(Exception):
    """A variant cannot be rendered; `code` is the code of its reject."""

    def __init__(self, code: InjectCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class RenderedVariant:
    """Images of one variant; images and masks are crops of the photo at `box`."""

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
        difference = np.abs(self.artifact.astype(np.int16) - self.control.astype(np.int16))
        return float(difference[self.mask].mean()) if self.mask.any() else 0.0


class WindowJob:
    """Renders the variants of one window of one photo.

    Args:
        flow: the loaded model.
        photo: (H, W, 3).
        window: the work window.
        trajectory: inversion of the window.
        solver: solver of the inversion.
        params: section ``inject``.
        prompt: text condition of the inversion.

    Raises:
        ValueError: the trajectory does not fit the window or the params, or the window does not
            fit the photo.
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
        # The batch starts where the earliest of all tools starts, whichever tools are present, so
        # that a variant's image does not depend on the other variants.
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
            faithful=params.faithful if faithful else None,
        )
        self.picture = cut(photo, window)

    def run(
        self, variants: Sequence[Variant], seed: int, key: str
    ) -> dict[str, RenderedVariant | UnusableVariant]:
        """Render the variants; returns the images, or the reason why there are none, by id."""
        results: dict[str, RenderedVariant | UnusableVariant] = {}
        plans: dict[str, Plan] = {}
        for variant in variants:
            try:
                plans[variant.id] = self.plan(variant, seed, key)
            except UnusableVariant as reason:
                results[variant.id] = reason
        if not plans:
            return results
        renderings = self.render(list(plans.values()))
        control: DecodedControl | None = None
        for (name, plan), rendering in zip(plans.items(), renderings, strict=True):
            try:
                usable = _check(rendering)
                control = control or DecodedControl(
                    *self.flow.decode_whole(usable.control, self.window.grid)
                )
                results[name] = self.finish(plan, usable, control)
            except UnusableVariant as reason:
                results[name] = reason
        return results

    def plan(self, variant: Variant, seed: int, key: str) -> Plan:
        """Plan one variant over the latent grid.

        Raises:
            UnusableVariant: ``bad_mapping``.
        """
        try:
            index = source_index(variant, self.window.grid)
        except ValueError as error:
            raise UnusableVariant(InjectCode.BAD_MAPPING, str(error)) from error
        params, tool, faithful = self.params, variant.tool, self.params.mode == "faithful"
        targets = np.zeros(len(index), dtype=bool)
        targets[variant.targets] = True
        targets = targets.reshape(self.window.grid)
        draws = generator(seed, key, variant.id, "start")
        noise = draws.standard_normal((len(index), self.trajectory.points.shape[2]))
        rho = np.where(
            find_repeats(index),
            value_for_tool(params.repeat_rho, tool),
            value_for_tool(params.rho, tool),
        )
        skipped = (
            self.begin if faithful else start_step(self.states, value_for_tool(params.t_s, tool))
        )
        start, steps = skipped - self.begin, len(self.states) - 1 - skipped
        return Plan(
            index=index,
            targets=targets,
            active=np.ones_like(targets) if faithful else grow(targets, params.margin),
            noise=torch.from_numpy(noise.astype(np.float32)),
            rho=torch.from_numpy(rho.astype(np.float32))[:, None],
            start=start,
            positions_until=start + round(value_for_tool(self.positions.steps, tool) * steps),
            values_until=start + round(value_for_tool(self.values.steps, tool) * steps),
        )

    def render(self, plans: Sequence[Plan]) -> list[Rendering | None]:
        """Render the plans; None for a plan that runs out of memory even on its own.

        A batch that does not fit into memory is halved until it does.
        """
        try:
            return list(render(self.flow, self.trajectory, plans, self.settings))
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(plans) == 1:
                return [None]
        half = len(plans) // 2
        return self.render(plans[:half]) + self.render(plans[half:])

    def finish(self, plan: Plan, rendering: Rendering, control: DecodedControl) -> RenderedVariant:
        """Decode and composite the variant and crop the results.

        Raises:
            UnusableVariant: ``invisible``.
        """
        window, grid = self.window, self.window.grid
        height, width = self.photo.shape[:2]
        weights = blend(plan.active, window, (height, width), self.params.feather)
        x0, y0, x1, y1 = box = bounding_box(weights.edit)
        crop = np.s_[y0:y1, x0:x1]
        decoded = self.decode(plan, rendering, control)
        residual = self.picture.astype(np.float32) - control.picture
        weight = np.float32(self.params.residual) * residual_weight(plan.index, grid)[..., None]
        flawed = decoded + weight * gather_residual(residual, plan.index, grid)
        unflawed = control.picture + weight * residual
        artifact_crop, control_crop = (
            composite(self.photo, picture.astype(np.float32), window.box, weights)[crop]
            for picture in (flawed, unflawed)
        )
        edit = weights.edit[crop]
        mask = visible_mask(artifact_crop, control_crop, edit, self.params.mask)
        if not mask.any():
            raise UnusableVariant(
                InjectCode.INVISIBLE, "artifact and control do not differ visibly"
            )
        return RenderedVariant(
            box=box,
            target_box=bounding_box(from_grid(plan.targets, window.box, (height, width))),
            artifact=artifact_crop,
            control=control_crop,
            mask=mask,
            edit=edit,
            reconstruction_psnr=psnr(self.picture, control.picture),
            evaluations=rendering.evaluations,
            together=rendering.together,
        )

    def decode(self, plan: Plan, rendering: Rendering, control: DecodedControl) -> Plane:
        """Decode the window with the flaw, (H, W, 3).

        Only the active tokens and a halo are decoded, with the decoder statistics of the control;
        everything else is copied from the control.
        """
        rows, columns = self.window.grid
        top, left, bottom, right = halo_box(plan.active, self.params.halo)
        piece = rendering.artifact.reshape(rows, columns, -1)[top:bottom, left:right]
        size = bottom - top, right - left
        picture = control.picture.copy()
        picture[top * TOKEN : bottom * TOKEN, left * TOKEN : right * TOKEN] = self.flow.decode(
            piece.flatten(0, 1), size, control.statistics
        )
        return picture


@dataclass(frozen=True)
class DecodedControl:
    """The decoded control of a window."""

    picture: Plane
    """(H, W, 3) of the window, 0..255."""
    statistics: Statistics
    """Statistics of the decoder, with which the crops of the flaws are decoded."""


def psnr(picture: Image, decoded: Plane) -> float:
    """Compute the peak signal-to-noise ratio in dB of (H, W, 3) in 0..255; 100 if equal."""
    with np.errstate(divide="ignore"):
        found = peak_signal_noise_ratio(picture.astype(np.float32), decoded, data_range=255)
    return min(float(found), 100.0)


def _check(rendering: Rendering | None) -> Rendering:
    if rendering is None:
        raise UnusableVariant(InjectCode.OUT_OF_MEMORY, "a single variant does not fit into memory")
    if not torch.isfinite(torch.stack([rendering.artifact, rendering.control])).all():
        raise UnusableVariant(InjectCode.NOT_FINITE, "the rendered latents are not finite")
    return rendering


def start_step(states: Sequence[float], t_s: float) -> int:
    """Return how many steps to skip so that denoising starts at the timestep nearest to `t_s`.

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


def _is_out_of_memory(error: BaseException) -> bool:
    """Detect allocation failures: torch's own class on CUDA, a plain RuntimeError on the CPU."""
    return isinstance(
        error, (MemoryError, torch.OutOfMemoryError)
    ) or "can't allocate memory" in str(error)
