import dataclasses

import numpy as np
import pytest
import torch
from rounding import assert_equal_but_for_rounding

from stages.inject.render import Plan, Settings, join, render
from stages.inject.tokens import grow
from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.injection import Blocks
from stages.models.flow.solvers import evaluations, integrate, schedule, step_of
from stages.models.flow.trajectory import Trajectory

GRID = (4, 5)
TOKENS = 20
EVERY = frozenset(range(4))
LATE = Blocks(positions=frozenset({0, 1}), values=frozenset({2, 3}))
ALL = Blocks(positions=EVERY, values=EVERY)
NEVER, ALWAYS = 0, 99


@pytest.fixture(scope="module", params=["euler", "rf_solver", "fireflow"])
def trajectory(request, flow):
    picture = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    kept = invert(flow, picture, InvertParams(solver=request.param, steps=4))
    return request.param, kept


def settings(solver, trajectory, mode="dense", blocks=LATE, batch=3):
    times = trajectory.states(solver)[3::-1]
    return Settings(mode, solver, times, blocks, (1.0, 1.0), batch, "")


def plan(mapping, margin=1, seed=0, rho=0.0, start=0, positions=1, values=ALWAYS):
    index = np.arange(TOKENS)
    targets = np.zeros(TOKENS, dtype=bool)
    for target, reference in mapping.items():
        index[target], targets[target] = reference, True
    targets = targets.reshape(GRID)
    noise = torch.randn(TOKENS, 64, generator=torch.Generator().manual_seed(seed))
    share = torch.full((TOKENS, 1), rho)
    active = grow(targets, margin)
    return Plan(index, targets, active, noise, share, start, positions, values)


PLANS = [
    plan({6: 13, 7: 14}, rho=0.2),
    plan({0: 19}, seed=1, start=1, values=2),
    plan({17: 2, 18: 3, 19: 4}, margin=0, positions=NEVER),
]


@pytest.mark.parametrize("mode", ["dense", "sparse", "faithful"])
@pytest.mark.parametrize("blocks", [LATE, Blocks(EVERY, frozenset()), ALL])
def test_variants_together_equal_variants_alone(flow, trajectory, mode, blocks):
    solver, kept = trajectory
    chosen = settings(solver, kept, mode, blocks)
    together = render(flow, kept, PLANS, chosen)
    for one, both in zip(PLANS, together, strict=True):
        (alone,) = render(flow, kept, [one], chosen)
        assert_equal_but_for_rounding(alone.artifact, both.artifact)
        assert_equal_but_for_rounding(alone.control, both.control)
        assert (alone.together, both.together) == (1, 3)


def test_batches_of_one_give_the_same_bytes_as_a_variant_alone(flow, trajectory):
    """Exactly: the same code runs on the same shapes."""
    solver, kept = trajectory
    chosen = settings(solver, kept, "sparse", batch=1)
    for one, both in zip(PLANS, render(flow, kept, PLANS, chosen), strict=True):
        (alone,) = render(flow, kept, [one], chosen)
        assert torch.equal(alone.artifact, both.artifact)
        assert torch.equal(alone.control, both.control)


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_tokens_outside_the_active_set_equal_the_source_branch(flow, trajectory, mode):
    solver, kept = trajectory
    for one, done in zip(
        PLANS, render(flow, kept, PLANS, settings(solver, kept, mode, ALL)), strict=True
    ):
        idle = torch.from_numpy(~one.active.ravel())
        assert torch.equal(done.artifact[idle], done.control[idle])
        assert (done.artifact[~idle] - done.control[~idle]).abs().max() > 0.1


def test_the_source_branch_is_plain_backward_integration(flow, trajectory):
    solver, kept = trajectory
    last, before = settings(solver, kept).timesteps[:2]
    slope = (kept.at(last) - kept.at(before))[None] / (last - before)
    control = render(flow, kept, PLANS, settings(solver, kept, "sparse"))[0].control
    back = integrate_back(flow, solver, kept, slope if solver == "fireflow" else None)
    assert_equal_but_for_rounding(control, back)


def integrate_back(flow, solver, kept, slope=None):
    times = settings(solver, kept).timesteps
    start = kept.at(times[0])[None]
    return integrate(solver, lambda z, t: flow.velocity(z, t, GRID), start, times, slope=slope)[0]


@pytest.mark.parametrize("mode", ["dense", "sparse"])
@pytest.mark.parametrize("start", [0, 2])
def test_an_identity_mapping_equals_the_control(flow, trajectory, mode, start):
    solver, kept = trajectory
    identity = dataclasses.replace(
        PLANS[0], index=np.arange(TOKENS), start=start, positions_until=ALWAYS
    )
    (done,) = render(flow, kept, [identity], settings(solver, kept, mode, ALL))
    assert_equal_but_for_rounding(done.artifact, done.control)


def test_sparse_is_close_to_dense_if_every_token_is_active(flow, trajectory):
    solver, kept = trajectory
    plans = [dataclasses.replace(one, active=np.ones(GRID, dtype=bool)) for one in PLANS]
    dense, sparse = (
        render(flow, kept, plans, settings(solver, kept, mode, LATE))
        for mode in ("dense", "sparse")
    )
    # They differ in the text tokens, which sparse forwards take from the source branch.
    for a, b in zip(dense, sparse, strict=True):
        moved = (a.artifact - a.control).norm()
        assert (a.artifact - b.artifact).norm() < 0.1 * moved


def test_faithful_holds_the_source_to_the_inversion_and_gathers_no_latent(flow, trajectory):
    solver, kept = trajectory
    nothing = Blocks(frozenset(), frozenset())
    free = [dataclasses.replace(one, active=np.ones(GRID, dtype=bool)) for one in PLANS]
    for done in render(flow, kept, free, settings(solver, kept, "faithful", nothing)):
        assert torch.equal(done.control, kept.at(0.0))
    done = render(flow, kept, free, settings(solver, kept, "faithful", nothing))[0]
    assert_equal_but_for_rounding(done.artifact, integrate_back(flow, solver, kept))


def test_each_branch_of_a_batch_gets_its_own_guidance(trajectory):
    calls = []

    class Guided:
        def dense_injection(self, *_):
            return None

        def velocity(self, z, t, grid, injection, guidance, prompt):
            calls.append((list(guidance), prompt))
            return z * 0

    solver, kept = trajectory
    chosen = dataclasses.replace(settings(solver, kept), guidance=(1.0, 5.0), prompt="a cat")
    render(Guided(), kept, PLANS[:1], chosen)
    assert calls[0] == ([1.0, 5.0], "a cat")


@pytest.mark.parametrize("solver", ["rf_solver", "fireflow"])
@pytest.mark.parametrize("start", [0, 3])
def test_on_a_smooth_flow_control_returns_to_the_photo_and_artifact_to_the_references(
    solver, start
):
    class Smooth:
        def dense_injection(self, *_):
            return None

        def velocity(self, z, t, *_):
            return 0.5 * z + t

    times, points = [], []

    def keep(z, t):
        times.append(t)
        points.append(z[0])
        return z

    photo = torch.randn(1, TOKENS, 64, generator=torch.Generator().manual_seed(2))
    step = schedule(8, 0.5)
    integrate(solver, lambda z, t: Smooth().velocity(z, t), photo, step, keep)
    kept = Trajectory(tuple(times), torch.stack(points))
    chosen = dataclasses.replace(settings(solver, kept), timesteps=kept.states(solver)[::-1])
    one = plan({6: 13, 7: 14}, start=start)
    (done,) = render(Smooth(), kept, [one], chosen)
    torch.testing.assert_close(done.control, photo[0], atol=5e-3, rtol=5e-3)
    torch.testing.assert_close(done.artifact, photo[0, one.index], atol=5e-3, rtol=5e-3)


def test_evaluations_count_the_tokens_that_went_through_the_transformer(flow, trajectory):
    solver, kept = trajectory
    calls = evaluations(solver, 3) - (solver == "fireflow")  # its first one is the inversion's
    dense = render(flow, kept, PLANS, settings(solver, kept))
    assert dense[0].evaluations == pytest.approx(calls + calls / 3)
    assert dense[1].evaluations < dense[0].evaluations, "it starts a step later"
    sparse = render(flow, kept, PLANS, settings(solver, kept, "sparse"))
    assert sparse[0].evaluations == pytest.approx(calls * 12 / 20 + calls / 3)
    assert sparse[2].evaluations == pytest.approx(calls * 3 / 20 + calls / 3)


def test_a_sparse_pass_holds_up_to_a_batch_of_variants(flow, trajectory, monkeypatch):
    solver, kept = trajectory
    velocity, sizes = flow.velocity, []

    def count(tokens, *rest):
        sizes.append(tokens.shape[1])
        return velocity(tokens, *rest)

    monkeypatch.setattr(flow, "velocity", count)
    first, second, third = (int(plan.active.sum()) for plan in PLANS)
    render(flow, kept, PLANS, settings(solver, kept, "sparse", batch=3))
    assert sizes[-2:] == [TOKENS, first + second + third]
    render(flow, kept, PLANS, settings(solver, kept, "sparse", batch=2))
    assert sizes[-3:] == [TOKENS, first + second, third]


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_each_injection_changes_the_result(flow, trajectory, mode):
    solver, kept = trajectory
    first = {6: 13, 7: 14}
    results = [
        render(flow, kept, [one], settings(solver, kept, mode, ALL))[0].artifact
        for one in (
            plan(first, positions=NEVER, values=NEVER),
            plan(first, positions=ALWAYS, values=NEVER),
            plan(first, positions=NEVER, values=ALWAYS),
            plan(first, positions=NEVER, values=NEVER, rho=0.5),
            plan(first, positions=NEVER, values=NEVER, start=2),
        )
    ]
    for a in range(len(results)):
        for b in range(a):
            assert (results[a] - results[b]).abs().max() > 1e-3


APART = [plan({0: 3}, margin=0), plan({19: 16}, margin=0, positions=2)]


@pytest.mark.parametrize("mode", ["dense", "sparse"])
def test_joint_plans_are_close_to_single_ones_where_flaws_are_apart(flow, trajectory, mode):
    solver, kept = trajectory
    chosen = settings(solver, kept, mode)
    (both,) = render(flow, kept, [join(APART)], chosen)
    for one in APART:
        (alone,) = render(flow, kept, [one], chosen)
        own = torch.from_numpy(one.targets.ravel())
        moved = (alone.artifact - alone.control)[own].norm()
        assert (both.artifact - alone.artifact)[own].norm() < 0.2 * moved
        assert moved > 0.1


def test_a_joint_plan_keeps_each_variants_noise_and_steps():
    late = dataclasses.replace(PLANS[2], start=2, positions_until=3, values_until=4)
    both = join([PLANS[0], late])
    assert join(PLANS[:1]) is PLANS[0]
    for one in (PLANS[0], late):
        own = one.targets.ravel()
        assert np.array_equal(both.index[own], one.index[own])
        assert torch.equal(both.noise[own], one.noise[own])
        assert torch.equal(both.rho[own], one.rho[own])
        assert (both.positions_until[own] == one.positions_until).all()
    assert np.array_equal(both.active, PLANS[0].active | late.active)
    assert (both.start, both.values_until) == (0, ALWAYS)
    idle = ~both.targets.ravel()
    assert np.array_equal(both.index[idle], np.arange(TOKENS)[idle])


@pytest.mark.parametrize(
    ("mode", "method"), [("dense", "dense_injection"), ("sparse", "sparse_injection")]
)
def test_positions_of_each_variant_stop_on_their_own(flow, trajectory, monkeypatch, mode, method):
    """Values keep the mapping of both."""
    solver, kept = trajectory
    first, second = plan({0: 3}, margin=0), plan({19: 16}, margin=0, positions=2)
    build, seen = getattr(flow, method), []

    def record(*given):
        if mode == "dense":
            index, _, _, positions, _, values = given[:6]
            seen.append((index[1], values[1], bool(positions[1])))
        else:
            values, positions, index = given[2], given[5], given[7]
            seen.append((index[0], values[0], bool(positions[0])))
        return build(*given)

    monkeypatch.setattr(flow, method, record)
    render(flow, kept, [join([first, second])], settings(solver, kept, mode, ALL))
    skipped = solver == "fireflow"  # its first evaluation is the inversion's
    steps = [step_of(solver, call + skipped) for call in range(len(seen))]
    for step, (index, values, positions) in zip(steps, seen, strict=True):
        assert index[[0, 19]].tolist() == [3 if step < 1 else 0, 16 if step < 2 else 19]
        assert values[[0, 19]].tolist() == [3, 16]
        assert positions is (step < 2)
    assert set(steps) == {0, 1, 2}
