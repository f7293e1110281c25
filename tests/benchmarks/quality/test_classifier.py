import numpy as np

from benchmarks.quality.classifier import accuracy


def halves(count):
    return np.arange(count) % 2


def test_what_differs_is_told_apart_and_what_does_not_is_not():
    rng = np.random.default_rng(0)
    real, same, other = (rng.normal(size=(400, 5)) for _ in range(3))
    other[:, 2] += 6
    assert accuracy(real, other, halves(400)) > 0.98
    assert 0.42 < accuracy(real, same, halves(400)) < 0.58


def test_a_half_is_never_tested_on_what_it_was_trained_on():
    """Every photo can be told apart by heart only: nothing carries over to the other half."""
    real = np.kron(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones((50, 1)))
    rendered = -real
    assert accuracy(real, rendered, np.repeat([0, 1], 50)) <= 0.5
