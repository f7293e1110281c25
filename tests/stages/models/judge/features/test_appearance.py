import numpy as np
import pytest

from stages.models.judge.features.appearance import directions, likeness


@pytest.fixture
def layers():
    rng = np.random.default_rng(1)
    return [rng.normal(size=(3, 4, width)).astype(np.float32) for width in (40, 112)]


def moved(targets, references):
    index = np.arange(12)
    index[targets] = references
    return index


def test_directions_have_length_one(layers):
    found = directions(layers, layers)
    assert found.shape == (12, 152)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-4)


def test_a_copy_becomes_similar_to_its_reference_and_loses_the_old_appearance(layers):
    before = directions(layers, layers)
    index = moved([0, 1], [6, 7])
    copied = likeness(before, before[index], index)
    same = likeness(before, before, index)
    assert copied["rise"] > 0.8 and same["rise"] == pytest.approx(0, abs=1e-6)
    assert same["left"] == pytest.approx(1, abs=1e-4) and copied["left"] < 0.5


def test_likeness_is_zero_if_nothing_moved(layers):
    before = directions(layers, layers)
    assert likeness(before, before, np.arange(12)) == {"rise": 0.0, "left": 0.0}
