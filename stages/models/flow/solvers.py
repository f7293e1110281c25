"""Solvers for the rectified flow dz/dt = v(z, t), in both directions, behind one signature.

NFE for N steps: Euler N (first order); RF-Solver 2N (second order); FireFlow N + 1 (second order).
RF-Solver (arXiv 2411.04746) is the second-order Taylor step with the derivative taken over half a
step, z + Δt v + Δt²/2 · (v_mid - v) / (Δt/2), which is the explicit midpoint rule z + Δt v_mid.
FireFlow (arXiv 2412.07517) uses the midpoint rule and reuses a step's midpoint velocity as the
first velocity of the next step. Backwards, all three visit the same midpoints as forwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

Solver = Literal["euler", "rf_solver", "fireflow"]
Storage = Literal["float16", "float32"]
"""Precision of stored latents."""
State = Any
"""Anything with addition and multiplication by a scalar: torch tensor, NumPy array, float."""
Velocity = Callable[[State, float], State]
Visit = Callable[[State, float], State]


def schedule(steps: int, mu: float, end: float = 1.0) -> list[float]:
    """Return FLUX's shifted timesteps, rising: e^mu s / (e^mu s + 1 - s) for s = 0, 1/N ... 1.

    Args:
        steps: number of steps N between 0 and 1, at least 1.
        mu: shift; linear in the token count (0.5 at 256 tokens, 1.15 at 4096 in FLUX).
        end: stop at the first timestep that reaches it.

    Raises:
        ValueError: `steps` is below 1, or `end` is outside (0, 1].
    """
    if steps < 1 or not 0 < end <= 1:
        raise ValueError(f"steps {steps} must be at least 1 and end {end} in (0, 1]")
    factor = math.exp(mu)
    times = [0.0]
    for step in range(1, steps + 1):
        share = step / steps
        times.append(factor * share / (factor * share + (1 - share)))
        if times[-1] >= end:
            break
    return times


def evaluations(solver: Solver, steps: int) -> int:
    """Return the number of velocity evaluations (NFE) of `steps` steps."""
    return {"euler": steps, "rf_solver": 2 * steps, "fireflow": steps + 1}[solver]


def step_of(solver: Solver, evaluation: int) -> int:
    """Return the step, from 0, of an evaluation; FireFlow's first two both belong to step 0."""
    return {"euler": evaluation, "rf_solver": evaluation // 2, "fireflow": max(0, evaluation - 1)}[
        solver
    ]


def integrate(
    solver: Solver,
    velocity: Velocity,
    state: State,
    timesteps: Sequence[float],
    visit: Visit | None = None,
    slope: State = None,
) -> State:
    """Integrate from `state` at the first timestep to the last timestep.

    Args:
        solver: which solver.
        velocity: v(z, t).
        state: z at ``timesteps[0]``; not modified.
        timesteps: monotonic; rising to invert, falling to render.
        visit: called with (z, t) at every timestep and every midpoint, before the velocity is
            evaluated there, and for the last state too; its return value replaces z. Use it to
            record z or to anchor a part of it.
        slope: FireFlow's velocity for the first half step; None = evaluate it there.

    Returns:
        z at ``timesteps[-1]``, as `visit` returned it.
    """
    see = visit or _keep
    state = see(state, timesteps[0])
    if solver == "fireflow":
        slope = velocity(state, timesteps[0]) if slope is None else slope
    for start, end in pairwise(timesteps):
        step = end - start
        if solver == "euler":
            slope = velocity(state, start)
        else:
            if solver == "rf_solver":
                slope = velocity(state, start)
            middle = see(state + step / 2 * slope, (start + end) / 2)
            slope = velocity(middle, (start + end) / 2)
        state = see(state + step * slope, end)
    return state


def _keep(state: State, _: float) -> State:
    return state
