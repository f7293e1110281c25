import math

import numpy as np
import pytest

from stages.models.flow.solvers import evaluations, integrate, schedule

SOLVERS = ["euler", "rf_solver", "fireflow"]


def curve(z, t):
    """dz/dt = z cos t, so z(t) = z(0) exp(sin t)."""
    return z * math.cos(t)


def error(solver, steps):
    end = integrate(solver, curve, 1.0, np.linspace(0, 1, steps + 1).tolist())
    return abs(end - math.exp(math.sin(1)))


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("rf_solver", 2), ("fireflow", 2)])
def test_order_of_accuracy(solver, order):
    ratios = [error(solver, n) / error(solver, 2 * n) for n in (16, 32, 64)]
    assert all(2**order * 0.8 < ratio < 2**order * 1.3 for ratio in ratios)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_number_of_evaluations(solver, steps):
    calls = []
    integrate(solver, lambda z, t: calls.append(t) or 0 * z, 1.0, schedule(steps, 0.5))
    assert len(calls) == evaluations(solver, steps)
    assert evaluations(solver, 8) == {"euler": 8, "rf_solver": 16, "fireflow": 9}[solver]


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_straight_flow_is_exact_in_one_step(solver):
    assert integrate(solver, lambda z, t: 3.0, 1.0, [0.0, 1.0]) == pytest.approx(4.0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_backward_evaluates_at_times_that_forward_visited(solver):
    times = schedule(5, 0.7)
    visited, evaluated = [], []
    integrate(solver, curve, 1.0, times, lambda z, t: visited.append(t) or z)

    def velocity(z, t):
        evaluated.append(t)
        return curve(z, t)

    integrate(solver, velocity, 2.0, times[::-1])
    assert set(evaluated) <= set(visited)
    assert len(visited) == len(set(visited)) == (6 if solver == "euler" else 11)


@pytest.mark.parametrize("solver", SOLVERS)
def test_forward_and_backward_returns_to_the_start(solver):
    times = schedule(40, 0.5)
    end = integrate(solver, curve, 1.0, times)
    assert integrate(solver, curve, end, times[::-1]) == pytest.approx(1.0, abs=0.03)


def test_the_return_value_of_visit_replaces_the_state():
    end = integrate("fireflow", curve, np.ones(2), [0.0, 0.5, 1.0], lambda z, t: z * [1, 0])
    assert end[0] > 2 and end[1] == 0


def test_schedule_applies_fluxs_shift():
    times = schedule(4, math.log(3))
    assert times == pytest.approx([0, 3 / (3 + 3), 3 / (3 + 1), 3 / (3 + 1 / 3), 1])
    assert schedule(8, 0.0) == pytest.approx(np.linspace(0, 1, 9))
    assert schedule(8, 0.0, end=0.6)[-1] == pytest.approx(0.625)


def test_schedule_equals_diffusers_scheduler():
    from stages.models.flow.model import FlowMatchEulerDiscreteScheduler

    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 8, 8), mu=0.55)
    np.testing.assert_allclose(schedule(8, 0.55)[::-1], scheduler.sigmas.numpy(), atol=1e-6)


@pytest.mark.parametrize(("steps", "end"), [(0, 1.0), (4, 0.0), (4, 1.1)])
def test_impossible_schedules_are_refused(steps, end):
    with pytest.raises(ValueError, match="must be"):
        schedule(steps, 0.5, end)
