import numpy as np
import pytest
import torch

from stages.invert.inversion import invert
from stages.invert.params import InvertParams
from stages.models.flow.solvers import integrate


def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("solver", "points", "share"),
    [("euler", 17, 0.2), ("rf_solver", 33, 0.1), ("fireflow", 33, 0.1)],
)
def test_integrating_back_from_the_last_latent_recovers_the_photo(flow, solver, points, share):
    kept = invert(flow, picture(), InvertParams(solver=solver, steps=16))
    assert len(kept.times) == points and kept.times[0] == 0 and kept.times[-1] == 1
    assert torch.equal(kept.at(0.0), flow.encode(picture())[0])
    start = kept.at(1.0)[None]
    times = kept.states(solver)[::-1]
    back = integrate(solver, lambda z, t: flow.velocity(z, t, (2, 3)), start, times)
    moved = (kept.at(1.0) - kept.at(0.0)).norm()
    assert (back[0] - kept.at(0.0)).norm() < share * moved


def test_inversion_stops_at_until(flow):
    kept = invert(flow, picture(), InvertParams(steps=8, until=0.5))
    assert 0.5 <= kept.times[-1] < 0.7
