import numpy as np
import pytest

from applications.evaluation.metrics.boxes import as_boxes
from applications.inspectors.compact.predict import Heat
from applications.training.compact.calibrate import (
    choose_pixel_threshold,
    choose_region_thresholds,
    fit_platt,
)


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
    assert choose_pixel_threshold([heat], [mask], (0.05, 0.3, 0.5, 0.8)) == 0.5


def test_regions_are_cut_and_kept_where_most_boxes_are_right():
    mask = np.full((40, 40), 0.1, np.float32)
    mask[4:12, 4:12] = 0.8  # the flaw
    mask[12:24, 4:12] = 0.3  # a halo that a low cut would join to it
    mask[25:35, 25:35] = 0.6  # a false region that a low score would keep
    heat = Heat(score=1.0, mask=mask, tools=np.zeros((40, 40), np.uint8))
    truth = as_boxes([(4, 4, 12, 12)])
    assert choose_region_thresholds([heat], [truth], (0.2, 0.5, 0.7)) == (0.5, 0.7)
