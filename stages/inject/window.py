"""Render all variants of one work window, from mappings to images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio

from stages.engine.faults import is_out_of_memory
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
from stages.inject.render import Plan, Rendering, Settings, join, render
from stages.inject.tokens import Edges, find_repeats, grow, halo_box
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


RESAMPLING = 4
"""Pixels around a pixel that its value in the photo can depend on: Lanczos's 3 and one of the
ramp's; of the photo's pixels where they are larger."""


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


@dataclass(frozen=True)
class Composited:
    """A rendering in the photo: one picture's flaws in one window."""

    artifact: Image
    """(H, W, 3) of the photo."""
    control: Image
    edit: Mask
    """(H, W): the pixels that may differ from the photo."""
    reconstruction_psnr: float
    rendering: Rendering


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
            batch=params.batch,
            prompt=prompt,
            faithful=params.faithful if faithful else None,
        )
        self.picture = cut(photo, window)

    def run(
        self,
        variants: Sequence[Variant],
        seed: int,
        key: str,
        owned: Mapping[str, Mask] = MappingProxyType({}),
    ) -> dict[str, RenderedVariant | UnusableVariant]:
        """Render the variants; those of one picture in one rendering.

        Args:
            variants: the window's variants.
            seed: seed of the build.
            key: key of the photo.
            owned: variant id to the pixels of the photo that it may change, (H, W)
                (`share_pixels`); a variant that is not in it owns everything.

        Returns:
            The images, or the reason why there are none, by variant id.
        """
        results: dict[str, RenderedVariant | UnusableVariant] = {}
        pictures: dict[str, dict[str, Plan]] = {}
        for variant in variants:
            try:
                plan = self.plan(variant, seed, key)
                pictures.setdefault(variant.picture, {})[variant.id] = plan
            except UnusableVariant as reason:
                results[variant.id] = reason
        if not pictures:
            return results
        joint = [join(list(plans.values())) for plans in pictures.values()]
        control: DecodedControl | None = None
        for plans, plan, rendering in zip(
            pictures.values(), joint, self.render(joint), strict=True
        ):
            try:
                usable = _check(rendering)
            except UnusableVariant as reason:
                results |= dict.fromkeys(plans, reason)
                continue
            control = control or DecodedControl(
                *self.flow.decode_whole(usable.control, self.window.grid)
            )
            composited = self.composite_rendering(plan, usable, control)
            for name, own in plans.items():
                try:
                    results[name] = self.cut(own.targets, composited, len(plans), owned.get(name))
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

    def render(self, plans: Sequence[Plan]) -> list[Rendering]:
        """Render the plans. A batch that does not fit into memory is halved until it does.

        Raises:
            MemoryError, RuntimeError: a single plan does not fit into memory.
        """
        try:
            return render(self.flow, self.trajectory, plans, self.settings)
        except (MemoryError, RuntimeError) as error:
            if len(plans) == 1 or not is_out_of_memory(error):
                raise
        half = len(plans) // 2
        return self.render(plans[:half]) + self.render(plans[half:])

    def composite_rendering(
        self, plan: Plan, rendering: Rendering, control: DecodedControl
    ) -> Composited:
        """Decode a rendering and composite it and its control into the photo."""
        shape = (self.photo.shape[0], self.photo.shape[1])
        weights = blend(plan.active, self.window, shape, self.params.feather)
        decoded = self.decode(plan, rendering, control)
        residual = self.picture.astype(np.float32) - control.picture
        grid = self.window.grid
        weight = np.float32(self.params.residual) * residual_weight(plan.index, grid)[..., None]
        flawed = decoded + weight * gather_residual(residual, plan.index, grid)
        unflawed = control.picture + weight * residual
        artifact, clean = (
            composite(self.photo, picture.astype(np.float32), self.window.box, weights)
            for picture in (flawed, unflawed)
        )
        return Composited(
            artifact=artifact,
            control=clean,
            edit=weights.edit,
            reconstruction_psnr=psnr(self.picture, control.picture),
            rendering=rendering,
        )

    def cut(
        self, targets: Mask, composited: Composited, variants: int, owned: Mask | None = None
    ) -> RenderedVariant:
        """Cut one variant out of the rendering of its picture.

        Args:
            targets: (rows, columns), the variant's targets.
            composited: the picture.
            variants: number of variants that share the rendering and its cost.
            owned: (H, W), the pixels that the variant may change; None for all.

        Raises:
            UnusableVariant: ``invisible``.
        """
        edit = composited.edit if owned is None else composited.edit & owned
        x0, y0, x1, y1 = box = bounding_box(edit)
        crop = np.s_[y0:y1, x0:x1]
        edit = edit[crop]
        artifact, control = (
            np.where(edit[..., None], picture[crop], self.photo[crop])
            for picture in (composited.artifact, composited.control)
        )
        mask = visible_mask(artifact, control, edit, self.params.mask) if edit.any() else edit
        if not mask.any():
            raise UnusableVariant(
                InjectCode.INVISIBLE, "artifact and control do not differ visibly"
            )
        shape = (self.photo.shape[0], self.photo.shape[1])
        return RenderedVariant(
            box=box,
            target_box=bounding_box(from_grid(targets, self.window.box, shape)),
            artifact=artifact,
            control=control,
            mask=mask,
            edit=edit,
            reconstruction_psnr=composited.reconstruction_psnr,
            evaluations=composited.rendering.evaluations / variants,
            together=composited.rendering.together,
        )

    def decode(self, plan: Plan, rendering: Rendering, control: DecodedControl) -> Plane:
        """Decode the window with the flaw, (H, W, 3).

        Only the active tokens and a halo are decoded, with the decoder statistics of the control,
        and of these only the pixels that the composite uses; everything else is copied from the
        control.
        """
        rows, columns = self.window.grid
        top, left, bottom, right = crop = halo_box(plan.active, self.params.halo)
        tokens = rendering.artifact.reshape(rows, columns, -1)[top:bottom, left:right]
        y0, x0, y1, x1 = self.used_pixels(plan.active, crop)
        picture = control.picture.copy()
        picture[y0:y1, x0:x1] = self.flow.decode_crop(
            tokens.flatten(0, 1),
            (bottom - top, right - left),
            control.statistics,
            (y0 - top * TOKEN, x0 - left * TOKEN, y1 - top * TOKEN, x1 - left * TOKEN),
        )
        return picture

    def used_pixels(self, active: Mask, crop: Edges) -> Edges:
        """Return the edges of the pixels of `crop` that the composite can use: the active tokens,
        the ramp around them, and the neighbours that resampling mixes in."""
        (x0, _, x1, _), (width, _) = self.window.box, self.window.size
        margin = math.ceil(self.params.feather + RESAMPLING * max(1, width / (x1 - x0)))
        top, left, bottom, right = (TOKEN * edge for edge in halo_box(active, 0))
        y0, x0, y1, x1 = (TOKEN * edge for edge in crop)
        return (
            max(y0, top - margin),
            max(x0, left - margin),
            min(y1, bottom + margin),
            min(x1, right + margin),
        )


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


def _check(rendering: Rendering) -> Rendering:
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
