"""Solvers for the rectified flow dz/dt = v(z, t), both ways, with one signature.

NFE for N steps: Euler N (first order); RF-Solver 2N (second order); FireFlow N + 1 (second order).
RF-Solver (arXiv 2411.04746) is the second-order Taylor step with the derivative taken over half a
step, z + Δt v + Δt²/2 · (v_mid - v) / (Δt/2), which is the explicit midpoint rule z + Δt v_mid.
FireFlow (arXiv 2412.07517) takes the midpoint rule and reuses a step's midpoint velocity as the
next step's first one. Run backwards, all three visit the same midpoints as forwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

Solver = Literal["euler", "rf_solver", "fireflow"]
State = Any
"""Anything with + and a scalar product: a torch tensor, a NumPy array, a float."""
Velocity = Callable[[State, float], State]
Visit = Callable[[State, float], State]


def schedule(steps: int, mu: float, end: float = 1.0) -> list[float]:
    """FLUX's shifted timesteps from 0 upwards: e^mu s / (e^mu s + 1 - s) for s = 0, 1/N ... 1.

    Args:
        steps: number of steps N between 0 and 1, at least 1.
        mu: shift; linear in the token count (0.5 at 256 tokens, 1.15 at 4096 in FLUX).
        end: stop at the first timestep that reaches it.

    Raises:
        ValueError: no step, or an end outside (0, 1].
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
    """NFE of `steps` steps."""
    return {"euler": steps, "rf_solver": 2 * steps, "fireflow": steps + 1}[solver]


def step_of(solver: Solver, evaluation: int) -> int:
    """The step, from 0 on, that an evaluation belongs to; FireFlow's first two to the first."""
    return {"euler": evaluation, "rf_solver": evaluation // 2, "fireflow": max(0, evaluation - 1)}[
        solver
    ]


def integrate(
    solver: Solver,
    velocity: Velocity,
    state: State,
    timesteps: Sequence[float],
    visit: Visit | None = None,
) -> State:
    """The state at the last timestep, starting from `state` at the first.

    Args:
        solver: which one.
        velocity: v(z, t).
        state: z at ``timesteps[0]``; not changed.
        timesteps: monotonic, rising to invert, falling to render.
        visit: called with (z, t) at every timestep and every midpoint, before the velocity there
            is taken and for the last state too; what it returns takes z's place. Record, or
            anchor a part of z, with it.

    Returns:
        z at ``timesteps[-1]``, as `visit` returned it.
    """
    see = visit or _unchanged
    state = see(state, timesteps[0])
    slope: Any = velocity(state, timesteps[0]) if solver == "fireflow" else None
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


def _unchanged(state: State, _: float) -> State:
    return state
