import numpy as np

from benchmarks.quality.classifier import measure_accuracy


def make_halves(count):
    return np.arange(count) % 2


def test_accuracy_is_high_for_different_strips_and_chance_for_equal_ones():
    rng = np.random.default_rng(0)
    real, same, other = (rng.normal(size=(400, 5)) for _ in range(3))
    other[:, 2] += 6
    assert measure_accuracy(real, other, make_halves(400)) > 0.98
    assert 0.42 < measure_accuracy(real, same, make_halves(400)) < 0.58


def test_halves_are_not_tested_on_their_training_photos():
    """Photos can only be memorized: nothing that is learnt carries over to the other half."""
    real = np.kron(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones((50, 1)))
    rendered = -real
    assert measure_accuracy(real, rendered, np.repeat([0, 1], 50)) <= 0.5
