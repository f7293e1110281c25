import numpy as np
import pytest
import torch

from stages.inject.params import Shares
from stages.inject.render import Plan, Settings, render
from stages.inject.tokens import grow
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.invert.solvers import integrate, schedule
from stages.invert.trajectory import Trajectory

GRID = (4, 5)
TOKENS = 20
OFF = Shares(steps=0, blocks=0)
ALL = Shares(steps=1, blocks=1)


@pytest.fixture(scope="module", params=["euler", "rf_solver", "fireflow"])
def trajectory(request, flow):
    picture = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    kept = invert(flow, picture, InvertParams(solver=request.param, steps=4))
    return request.param, kept


def settings(solver, trajectory, positions=OFF, values=OFF, rho=0.0):
    times = trajectory.states(solver)[3::-1]
    return Settings(solver, times, positions, values, rho)


def plan(mapping, margin=1, seed=0):
    index = np.arange(TOKENS)
    targets = np.zeros(TOKENS, dtype=bool)
    for target, reference in mapping.items():
        index[target], targets[target] = reference, True
    targets = targets.reshape(GRID)
    noise = torch.randn(TOKENS, 64, generator=torch.Generator().manual_seed(seed))
    return Plan(index, targets, grow(targets, margin), noise)


PLANS = [plan({6: 13, 7: 14}), plan({0: 19}, seed=1), plan({17: 2, 18: 3, 19: 4}, margin=0)]


@pytest.mark.parametrize("positions", [OFF, Shares(steps=0.5, blocks=0.5)])
@pytest.mark.parametrize("values", [OFF, Shares(steps=1, blocks=0.5)])
def test_variants_together_equal_variants_alone(flow, trajectory, positions, values):
    solver, kept = trajectory
    chosen = settings(solver, kept, positions, values, rho=0.2)
    together = render(flow, kept, PLANS, chosen)
    for one, both in zip(PLANS, together, strict=True):
        (alone,) = render(flow, kept, [one], chosen)
        torch.testing.assert_close(alone.artifact, both.artifact, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(alone.control, both.control, atol=1e-5, rtol=1e-5)


def test_tokens_outside_the_active_set_end_as_the_photos(flow, trajectory):
    solver, kept = trajectory
    for one, done in zip(
        PLANS, render(flow, kept, PLANS, settings(solver, kept, ALL, ALL)), strict=True
    ):
        idle = torch.from_numpy(~one.active.ravel())
        assert torch.equal(done.artifact[idle], kept.at(0.0)[idle])
        assert torch.equal(done.control[idle], kept.at(0.0)[idle])
        assert (done.artifact[~idle] - done.control[~idle]).abs().max() > 0.1


def test_the_control_is_the_artifact_of_an_identity_mapping(flow, trajectory):
    solver, kept = trajectory
    identity = Plan(np.arange(TOKENS), PLANS[0].targets, PLANS[0].active, PLANS[0].noise)
    chosen = settings(solver, kept, ALL, Shares(steps=0.5, blocks=0.5), rho=0.5)
    (done,) = render(flow, kept, [identity], chosen)
    torch.testing.assert_close(done.artifact, done.control, atol=1e-5, rtol=1e-5)
    flawed = render(flow, kept, PLANS, chosen)[0]
    torch.testing.assert_close(flawed.control, done.control, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("solver", ["rf_solver", "fireflow"])
def test_on_a_smooth_flow_control_returns_to_the_photo_and_artifact_to_the_references(solver):
    class Smooth:
        def velocity(self, z, t, grid, injection):
            return 0.5 * z + t

    times, points = [], []

    def keep(z, t):
        times.append(t)
        points.append(z[0])
        return z

    photo = torch.randn(1, TOKENS, 64, generator=torch.Generator().manual_seed(2))
    step = schedule(8, 0.5)
    integrate(solver, lambda z, t: Smooth().velocity(z, t, GRID, None), photo, step, keep)
    kept = Trajectory(tuple(times), torch.stack(points))
    chosen = Settings(solver, kept.states(solver)[::-1], OFF, OFF, 0.0)
    (done,) = render(Smooth(), kept, PLANS[:1], chosen)
    torch.testing.assert_close(done.control, photo[0], atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(done.artifact, photo[0, PLANS[0].index], atol=5e-3, rtol=5e-3)


def test_evaluations_count_artifact_control_and_the_shared_source(flow, trajectory):
    solver, kept = trajectory
    steps = {"euler": 3, "rf_solver": 6, "fireflow": 4}[solver]
    plain = render(flow, kept, PLANS, settings(solver, kept))[0]
    assert plain.evaluations == 2 * steps
    streamed = render(flow, kept, PLANS, settings(solver, kept, values=ALL))[0]
    assert streamed.evaluations == pytest.approx(2 * steps + steps / 3)
    half = settings(solver, kept, values=Shares(steps=0.5, blocks=1))
    assert render(flow, kept, PLANS, half)[0].evaluations < streamed.evaluations


def test_each_injection_changes_the_result(flow, trajectory):
    solver, kept = trajectory
    results = [
        render(flow, kept, PLANS[:1], chosen)[0].artifact
        for chosen in (
            settings(solver, kept),
            settings(solver, kept, positions=ALL),
            settings(solver, kept, values=ALL),
            settings(solver, kept, rho=0.5),
        )
    ]
    for a in range(4):
        for b in range(a):
            assert (results[a] - results[b]).abs().max() > 1e-3
