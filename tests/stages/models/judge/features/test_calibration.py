import numpy as np
import pytest

from stages.models.judge.features import calibration, logistic
from stages.models.judge.features.calibration import Labelled, Scored
from stages.models.judge.features.logistic import Model
from stages.tools import TOOLS


def test_committed_coefficients_are_those_of_the_measures():
    assert tuple(c.measure for c in logistic.load().coefficients) == calibration.MEASURES


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(calibration, "MEASURES", ("a",))
    rng = np.random.default_rng(2)
    values = rng.normal(size=120)
    rows = [
        Scored(name=f"{i // 6:02x}-v{i % 6}", tool=TOOLS[i % 4], sha256="", scores={"a": value})
        for i, value in enumerate(values.tolist())
    ]
    return Labelled(rows, (values + rng.normal(size=120) > 0).astype(float))


def test_cross_validation_separates_right_from_wrong(toy):
    guess = calibration.cross_validate(toy)
    assert guess[toy.right == 1].mean() > guess[toy.right == 0].mean() + 0.1


def test_photo_does_not_affect_its_own_probability(toy):
    flipped = toy.right.copy()
    flipped[:6] = 1 - flipped[:6]
    before, after = (
        calibration.cross_validate(Labelled(toy.rows, right)) for right in (toy.right, flipped)
    )
    np.testing.assert_array_equal(before[:6], after[:6])
    assert (before[6:] != after[6:]).any()


def test_a_tool_of_one_photo_is_predicted_without_an_offset(toy):
    rows = [row.model_copy(update={"tool": "add"}) for row in toy.rows]
    rows[0] = rows[0].model_copy(update={"tool": "fuse"})
    guess = calibration.cross_validate(Labelled(rows, toy.right))
    assert np.isfinite(guess).all() and 0 < guess[0] < 1
    model = Model(intercept=0.0, tools={"add": 9.0}, coefficients=[], provenance={})
    assert Labelled(rows[:1], toy.right[:1]).predict(model).tolist() == [0.5]


def test_threshold_is_the_minimum_that_is_precise_enough():
    guess = np.linspace(0.015, 1.005, 100)
    right = (np.arange(100) >= 50).astype(float)
    threshold = calibration.choose_threshold(guess, right)
    kept = guess >= threshold
    assert right[kept].mean() >= calibration.MIN_PRECISION
    assert right[guess >= threshold - 0.02].mean() < calibration.MIN_PRECISION


def test_threshold_keeps_half_where_none_is_precise_enough():
    guess = np.tile(np.linspace(0.1, 0.9, 9), 20)
    right = np.repeat([1.0, 0.0], 90)
    kept = guess >= calibration.choose_threshold(guess, right)
    assert right[kept].sum() >= 0.5 * right.sum()


def test_what_is_missing_for_a_fit_is_named_with_numbers(toy):
    assert calibration.find_shortages(toy, TOOLS) == []
    few = Labelled(toy.rows[:12], np.ones(12))
    assert calibration.find_shortages(few, TOOLS) == [
        "marked flaws: 12, at least 50 are needed",
        "rejected: 0, at least 10 are needed",
        "photos: 2, at least 14 are needed",
        *(f"of {tool}: 3, at least 5 are needed" for tool in TOOLS),
    ]
    tied = Labelled(toy.rows, np.full(120, 0.5))
    assert calibration.find_shortages(tied, TOOLS) == ["accepted: 0, at least 10 are needed"]
