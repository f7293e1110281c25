"""Denoise a window's variants together with the source branch (algorithm section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from stages.inject.params import Faithful, Mode
from stages.inject.tokens import start_latent
from stages.models.flow.injection import Blocks, Recorder
from stages.models.flow.solvers import Solver, integrate, step_of
from stages.models.flow.trajectory import Trajectory
from stages.records.masks import Mask
from stages.records.source_index import Index

if TYPE_CHECKING:
    from stages.models.flow.model import Flow


@dataclass(frozen=True)
class Settings:
    """How to render a window."""

    mode: Mode
    solver: Solver
    timesteps: tuple[float, ...]
    """Falling, from the inversion's last to 0."""
    blocks: Blocks
    guidance: tuple[float, float]
    """Guidance of the source branch and of the flaws."""
    batch: int
    prompt: str
    faithful: Faithful | None = None
    """Rules of the released recipe in mode ``faithful``, else None."""


@dataclass(frozen=True)
class Plan:
    """One variant over the latent grid, or several that are rendered in one (`join`)."""

    index: Index
    """(N,) source index."""
    targets: Mask
    """(rows, columns)."""
    active: Mask
    """(rows, columns): targets and margin; all other tokens are held to the source branch."""
    noise: torch.Tensor
    """(N, 64) standard normal, seeded by the variant."""
    rho: torch.Tensor
    """(N, 1) share of fresh noise in the start latent."""
    start: int
    """First step of the variant, counted in `Settings.timesteps`."""
    positions_until: int | NDArray[np.int64]
    """First step at which positions are no longer injected; (N,) if it differs between tokens."""
    values_until: int
    """First step at which values are no longer injected."""


def join(plans: Sequence[Plan]) -> Plan:
    """Join the plans of a picture's variants in one window, so that the flaws see each other.

    Targets, references, noise and its share are each variant's own, and so are the steps with
    position injection. The joint plan starts with the earliest variant, and values are injected
    until the last one's last step.

    Args:
        plans: at least one; no token is a target of two.
    """
    if len(plans) == 1:
        return plans[0]
    first = plans[0]
    index, noise, rho = first.index.copy(), first.noise.clone(), first.rho.clone()
    until = np.zeros(len(index), dtype=np.int64)
    for plan in plans:
        own = plan.targets.ravel()
        index[own] = plan.index[own]
        until[own] = np.broadcast_to(plan.positions_until, own.shape)[own]
        chosen = torch.from_numpy(own)
        noise[chosen], rho[chosen] = plan.noise[chosen], plan.rho[chosen]
    return Plan(
        index=index,
        targets=np.logical_or.reduce([plan.targets for plan in plans]),
        active=np.logical_or.reduce([plan.active for plan in plans]),
        noise=noise,
        rho=rho,
        start=min(plan.start for plan in plans),
        positions_until=until,
        values_until=max(plan.values_until for plan in plans),
    )


@dataclass(frozen=True)
class Rendering:
    """Final latents of one plan."""

    artifact: torch.Tensor
    """(N, 64)."""
    control: torch.Tensor
    """(N, 64) of the source branch, the same for all plans rendered together."""
    evaluations: float
    """Cost in forward passes of a whole window: its own and its share of the source branch."""
    together: int
    """Number of plans that shared the source branch."""


def render(
    flow: Flow, trajectory: Trajectory, plans: Sequence[Plan], settings: Settings
) -> list[Rendering]:
    """Denoise K plans, each one or several variants, from the inverted latents.

    The source branch denoises the photo with nothing injected; its last state is the control. A
    plan's state equals the source branch until it starts; afterwards only its tokens outside the
    active set do. In faithful mode the source branch is held to the inversion and no token of a
    plan is held.
    """
    run = _Run(flow, trajectory, plans, settings)
    start = trajectory.at(settings.timesteps[0])
    state = start.expand(1 + len(plans), -1, -1)
    state = integrate(
        settings.solver, run.velocity, state, settings.timesteps, run.visit, run.first_velocity()
    )
    tokens = state.shape[1]
    return [
        Rendering(
            artifact=state[1 + k],
            control=state[0],
            evaluations=(run.own[k] + run.source / len(plans)) / tokens,
            together=len(plans),
        )
        for k in range(len(plans))
    ]


class _Run:
    """The callbacks of `integrate` for a state (1 + K, N, 64) with the source branch first."""

    def __init__(
        self, flow: Flow, trajectory: Trajectory, plans: Sequence[Plan], settings: Settings
    ) -> None:
        self._flow, self._trajectory = flow, trajectory
        self._plans, self._settings = plans, settings
        self._grid = plans[0].active.shape
        self._index = torch.from_numpy(np.stack([plan.index for plan in plans]))
        until = [np.broadcast_to(plan.positions_until, plan.index.shape) for plan in plans]
        self._positions_until = torch.from_numpy(np.stack(until))
        self._active = torch.from_numpy(np.stack([plan.active.ravel() for plan in plans]))[
            ..., None
        ]
        self._calls = 0
        self.source, self.own = 0, [0] * len(plans)
        """Number of tokens that went through the transformer."""

    def visit(self, state: torch.Tensor, t: float) -> torch.Tensor:
        """Replace held tokens, and insert the start latent of each variant that starts at `t`."""
        settings, faithful = self._settings, self._settings.mode == "faithful"
        source = self._trajectory.at(t)[None] if faithful else state[:1]
        if faithful:
            return torch.cat([source, state[1:]])
        rows = [source[0]]
        for k, plan in enumerate(self._plans):
            start = settings.timesteps[plan.start]
            if t > start:
                rows.append(source[0])
            elif t == start:
                rows.append(
                    start_latent(
                        self._trajectory.at(0.0), source[0], t, plan.index, plan.rho, plan.noise
                    )
                )
            else:
                rows.append(torch.where(self._active[k], state[1 + k], source[0]))
        return torch.stack(rows)

    def first_velocity(self) -> torch.Tensor | None:
        """Return FireFlow's velocity for the first half step; None where it is to be evaluated.

        For all other half steps FireFlow takes the velocity of the midpoint before. The first one
        has such a midpoint too: the inversion's last, whose velocity led to the latent from which
        denoising starts.
        """
        if self._settings.solver != "fireflow" or self._settings.mode == "faithful":
            return None
        self._calls = 1
        last, before = self._settings.timesteps[:2]
        return self._gather(
            (self._trajectory.at(last) - self._trajectory.at(before)) / (last - before)
        )

    def _gather(self, v: torch.Tensor) -> torch.Tensor:
        """Gather the source branch's velocity (N, 64) by each row's index, (1 + K, N, 64)."""
        return v[torch.cat([torch.arange(len(v))[None], self._index])]

    def velocity(self, state: torch.Tensor, t: float) -> torch.Tensor:
        """Compute v of every row; a variant that has not started gets the gathered source velocity.

        FireFlow reuses a velocity of the step before as the first one of a step, so at a variant's
        first step its velocity has to come from the tokens that its latent was gathered from.
        """
        step = step_of(self._settings.solver, self._calls)
        self._calls += 1
        started = [k for k, plan in enumerate(self._plans) if plan.start <= step]
        if self._settings.mode == "sparse":
            return self._evaluate_sparse(state, t, step, started)
        return self._evaluate_dense(state, t, step, started)

    def _evaluate_dense(
        self, state: torch.Tensor, t: float, step: int, started: list[int]
    ) -> torch.Tensor:
        settings, tokens = self._settings, state.shape[1]
        identity = torch.arange(tokens)[None]
        positions, values = self._injection_flags(step, started)
        off, index = torch.tensor([False]), self._index[started]
        moved = self._position_index(step, started)
        rows = [0, *(1 + k for k in started)]
        inputs, mapped = state[rows], index
        time: float | list[float] = t
        if recipe := settings.faithful:
            if recipe.source_time == "previous":
                previous = self._previous_time(t)
                time = [previous] + [t] * len(started)
                inputs = torch.cat([self._trajectory.at(previous)[None], inputs[1:]])
            if recipe.mapped_values == "while_positions":
                mapped = moved
        injection = self._flow.dense_injection(
            torch.cat([identity, moved]),
            self._grid,
            settings.blocks,
            torch.cat([off, positions]),
            torch.cat([values.any()[None], values]),
            torch.cat([identity, mapped]),
            recipe is not None and recipe.text_values,
        )
        source, flaw = settings.guidance
        v = self._flow.velocity(
            inputs,
            time,
            self._grid,
            injection,
            [source] + [flaw] * len(started),
            settings.prompt,
        )
        self._count(tokens, started)
        out = self._gather(v[0])
        out[rows] = v
        return out

    def _previous_time(self, t: float) -> float:
        """Return the time of the inversion's evaluation that belongs to an evaluation at `t`.

        An inversion's step from a timestep to the next is evaluated at its start, and halfway; the
        way back evaluates it at its end, and halfway.
        """
        timesteps = self._settings.timesteps
        return timesteps[timesteps.index(t) + 1] if t in timesteps else t

    def _evaluate_sparse(
        self, state: torch.Tensor, t: float, step: int, started: list[int]
    ) -> torch.Tensor:
        settings, tokens = self._settings, state.shape[1]
        memory = Recorder()
        source, flaw = settings.guidance
        v = self._flow.velocity(state[:1], t, self._grid, memory, [source], settings.prompt)
        self.source += tokens
        out = self._gather(v[0])
        for first in range(0, len(started), settings.batch):
            members = started[first : first + settings.batch]
            active = [self._active[k, :, 0].nonzero()[:, 0] for k in members]
            positions, values = self._injection_flags(step, members)
            injection = self._flow.sparse_injection(
                memory,
                active,
                self._index[members],
                self._grid,
                settings.blocks,
                positions,
                values,
                self._position_index(step, members),
            )
            inputs = torch.cat([state[1 + k, active[row]] for row, k in enumerate(members)])
            found = self._flow.velocity(
                inputs[None], t, self._grid, injection, [flaw], settings.prompt
            )
            sizes = [len(tokens) for tokens in active]
            for row, part in enumerate(found[0].split(sizes)):
                k = members[row]
                out[1 + k] = v[0]
                out[1 + k, active[row]] = part
                self.own[k] += sizes[row]
        return out

    def _injection_flags(
        self, step: int, variants: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        plans = [self._plans[k] for k in variants]
        return (
            torch.tensor([np.any(step < plan.positions_until) for plan in plans], dtype=torch.bool),
            torch.tensor([step < plan.values_until for plan in plans], dtype=torch.bool),
        )

    def _position_index(self, step: int, variants: Sequence[int]) -> torch.Tensor:
        """Return the tokens whose positions are injected, (B, N): each token's own where its
        variant's steps with position injection are over."""
        own = torch.arange(self._index.shape[1])
        return torch.where(step < self._positions_until[variants], self._index[variants], own)

    def _count(self, tokens: int, started: Sequence[int]) -> None:
        self.source += tokens
        for k in started:
            self.own[k] += tokens
