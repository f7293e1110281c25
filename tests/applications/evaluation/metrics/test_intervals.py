import numpy as np
import pytest

from applications.evaluation.metrics.intervals import draw_weights, make_score


def test_the_first_weighting_is_the_set_itself():
    weights = draw_weights(["a", "b", "c"], 50, seed=0)
    assert weights.shape == (51, 3)
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == 3).all()


def test_pictures_of_a_group_are_drawn_together():
    weights = draw_weights(["a", "b", "a", "c", "b"], 50, seed=0)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    assert (weights[:, 0] != weights[:, 1]).any()


def test_the_interval_of_a_mean_is_about_its_standard_error():
    rng = np.random.default_rng(0)
    values = rng.random(400)
    weights = draw_weights([str(n) for n in range(400)], 2000, seed=0)
    score = make_score(weights @ values / weights.sum(1), 400, "")
    error = 1.96 * values.std() / 20
    assert score.value == pytest.approx(values.mean())
    assert score.low == pytest.approx(values.mean() - error, abs=0.004)
    assert score.high == pytest.approx(values.mean() + error, abs=0.004)


def test_an_undefined_value_says_why():
    score = make_score(np.array([np.nan, 0.5]), 3, "undefined: no clean picture")
    assert (score.value, score.low, score.why) == (None, None, "undefined: no clean picture")


def test_undefined_resamples_are_left_out():
    score = make_score(np.array([0.5, np.nan, 0.4, 0.6]), 3, "")
    assert (score.value, score.low, score.high) == pytest.approx((0.5, 0.405, 0.595))
