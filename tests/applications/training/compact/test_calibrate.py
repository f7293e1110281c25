import numpy as np
import pytest

from applications.training.compact.calibrate import choose_threshold, fit_platt


def test_platt_recovers_probabilities():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 4000)
    flawed = rng.random(4000) < 1 / (1 + np.exp(-(2 * logits + 1)))
    found = fit_platt(logits, flawed)
    assert found.slope == pytest.approx(2, rel=0.15)


def test_platt_needs_both_classes_in_the_right_order():
    with pytest.raises(ValueError, match="flawed and clean"):
        fit_platt(np.array([1.0, 2.0]), np.array([True, True]))
    with pytest.raises(ValueError, match="not higher"):
        fit_platt(np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, False]))


def test_the_threshold_with_the_highest_iou_wins():
    heat = np.array([[0.1, 0.4, 0.6, 0.9]])
    mask = np.array([[False, False, True, True]])
    assert choose_threshold([heat], [mask], (0.05, 0.3, 0.5, 0.8)) == 0.5
