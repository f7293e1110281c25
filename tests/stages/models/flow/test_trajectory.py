import pytest
import torch
from safetensors.torch import save

from stages.models.flow.trajectory import Trajectory


def trajectory(times=(0.0, 0.25, 0.5)):
    return Trajectory(times, torch.randn(len(times), 6, 64))


def test_bytes_round_trip():
    kept = trajectory()
    exact = Trajectory.from_bytes(kept.to_bytes("float32"))
    assert exact.times == kept.times and torch.equal(exact.points, kept.points)
    half = Trajectory.from_bytes(kept.to_bytes("float16"))
    assert half.points.dtype == torch.float32
    torch.testing.assert_close(half.points, kept.points, atol=2e-3, rtol=1e-3)
    assert kept.to_bytes("float16") == kept.to_bytes("float16")


def test_at_returns_the_latents_of_a_time():
    kept = trajectory()
    assert torch.equal(kept.at(0.25), kept.points[1])
    with pytest.raises(KeyError, match="never visited"):
        kept.at(0.3)


def test_states_exclude_midpoints():
    kept = trajectory((0.0, 0.1, 0.2, 0.3, 0.4))
    assert kept.states("euler") == kept.times
    assert kept.states("fireflow") == (0.0, 0.2, 0.4)
    with pytest.raises(ValueError, match="fireflow"):
        trajectory((0.0, 0.1)).states("fireflow")
    with pytest.raises(ValueError, match="euler"):
        trajectory((0.1, 0.2)).states("euler")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not safetensors at all",
        save({"points": torch.zeros(2, 3, 64)}),
        save({"points": torch.zeros(2, 3, 64), "times": torch.zeros(3)}),
        save({"points": torch.full((1, 3, 64), torch.nan), "times": torch.zeros(1)}),
    ],
    ids=["empty", "noise", "no times", "other count", "nan"],
)
def test_malformed_files_are_refused(data):
    with pytest.raises(ValueError, match="latents"):
        Trajectory.from_bytes(data)
