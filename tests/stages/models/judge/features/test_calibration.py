import numpy as np
import pytest

from benchmarks.judging import calibrate
from benchmarks.judging.calibrate import Labelled
from benchmarks.judging.scores import Row
from stages.models.judge.features import logistic
from stages.tools import TOOLS


def test_committed_coefficients_follow_from_committed_data():
    found = calibrate.load_labelled()
    assert calibrate.round_model(found.fit(), found) == logistic.load()


def test_committed_coefficients_are_those_of_the_measures():
    assert tuple(c.measure for c in logistic.load().coefficients) == calibrate.MEASURES
    rows = calibrate.load_labelled().rows
    assert all(set(calibrate.MEASURES) <= row.scores.keys() for row in rows)


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(calibrate, "MEASURES", ("a",))
    rng = np.random.default_rng(2)
    values = rng.normal(size=120)
    rows = [
        Row(
            name=f"{i // 6:02x}-v{i % 6}", tool=TOOLS[i % 4], edit="flaw", kernel="k", part="p",
            positional=False, sha256="", scores={"a": float(value)},
        )
        for i, value in enumerate(values)
    ]  # fmt: skip
    return Labelled(rows, (values + rng.normal(size=120) > 0).astype(float))


def test_cross_validation_separates_right_from_wrong(toy):
    guess = calibrate.cross_validate(toy)
    assert guess[toy.right == 1].mean() > guess[toy.right == 0].mean() + 0.1


def test_photo_does_not_affect_its_own_probability(toy):
    flipped = toy.right.copy()
    flipped[:6] = 1 - flipped[:6]
    before, after = (
        calibrate.cross_validate(Labelled(toy.rows, right)) for right in (toy.right, flipped)
    )
    np.testing.assert_array_equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).any()


def test_threshold_is_the_minimum_that_is_precise_enough():
    guess = np.linspace(0.015, 1.005, 100)
    right = (np.arange(100) >= 50).astype(float)
    threshold = calibrate.choose_threshold(guess, right)
    kept = guess >= threshold
    assert right[kept].mean() >= calibrate.MIN_PRECISION
    assert right[guess >= threshold - 0.02].mean() < calibrate.MIN_PRECISION


def test_threshold_keeps_half_where_none_is_precise_enough():
    guess = np.tile(np.linspace(0.1, 0.9, 9), 20)
    right = np.repeat([1.0, 0.0], 90)
    kept = guess >= calibrate.choose_threshold(guess, right)
    assert right[kept].sum() >= 0.5 * right.sum()
