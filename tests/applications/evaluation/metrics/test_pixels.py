import numpy as np
import pytest
import torch

from applications.evaluation.metrics.pixels import (
    LEVELS,
    background_iou,
    count_pixels,
    fill_boxes,
    foreground_iou,
    level_of,
    overlaps,
)
from stages.models.networks import torchvision_import

torchvision_import.prepare()  # torchmetrics imports torchvision
from torchmetrics.classification import BinaryJaccardIndex  # noqa: E402


def test_ious_by_hand():
    truth = np.array([[True, True, False, False]])
    heat = np.array([[0.9, 0.2, 0.6, 0.0]], np.float32)
    counts = count_pixels(heat, truth)[None]
    level = level_of(0.5)  # marks the first and the third pixel
    assert [int(values[0, level]) for values in overlaps(counts)] == [1, 3]
    assert foreground_iou(counts)[0, level] == pytest.approx(1 / 3)
    assert background_iou(counts)[0, level] == pytest.approx(1 / 3)
    assert foreground_iou(counts)[0, level_of(0.15)] == pytest.approx(2 / 3)


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.75])
def test_ious_are_torchmetrics(threshold):
    rng = np.random.default_rng(0)
    # Values and thresholds that 1/256 tells apart.
    heat = (rng.integers(0, 255, (20, 30)) / 256 + 0.002).astype(np.float32)
    truth = rng.random((20, 30)) < 0.3
    counts = count_pixels(heat, truth)[None]
    level = level_of(threshold)
    marked = torch.from_numpy(heat >= level / LEVELS)
    metric = BinaryJaccardIndex()
    assert foreground_iou(counts)[0, level] == pytest.approx(
        float(metric(marked, torch.from_numpy(truth)))
    )
    assert background_iou(counts)[0, level] == pytest.approx(
        float(BinaryJaccardIndex()(~marked, torch.from_numpy(~truth)))
    )


@pytest.mark.parametrize(("threshold", "value"), [(0.5, 0.5), (1.0, 1.0), (0.0, 0.0)])
def test_a_value_at_the_threshold_counts(threshold, value):
    counts = count_pixels(np.array([[value]], np.float32), np.array([[True]]))[None]
    assert foreground_iou(counts)[0, level_of(threshold)] == 1


def test_two_empty_masks_agree():
    counts = count_pixels(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))[None]
    assert foreground_iou(counts)[0, level_of(0.5)] == 1
    assert background_iou(counts)[0, level_of(0.5)] == 1


def test_boxes_are_half_open_and_the_highest_score_wins():
    heat = fill_boxes([(1, 1, 3, 3), (2, 2, 4, 4)], [0.9, 0.4], (5, 4))
    expected = np.zeros((4, 5))
    expected[2:4, 2:4] = 0.4
    expected[1:3, 1:3] = 0.9
    assert heat == pytest.approx(expected)


@pytest.mark.parametrize("box", [(0.1, 0.1, 0.2, 0.2), (-9, -9, -8, -8), (90, 90, 99, 99)])
def test_a_box_has_a_pixel(box):
    assert fill_boxes([box], [1.0], (5, 4)).sum() == 1
