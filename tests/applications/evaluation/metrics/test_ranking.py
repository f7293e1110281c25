import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from applications.evaluation.metrics.ranking import auroc, calibration_error
from stages.models.networks import torchvision_import

torchvision_import.prepare()  # torchmetrics imports torchvision
from torchmetrics.classification import BinaryCalibrationError  # noqa: E402


def once(n):
    return np.ones((1, n))


def test_auroc_by_hand():
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    flawed = np.array([True, True, False, False])
    # Of four pairs three are in order and one is a tie.
    assert auroc(scores, flawed, once(4)) == pytest.approx([3.5 / 4])


def test_auroc_is_scikit_learns_for_every_weighting():
    rng = np.random.default_rng(1)
    scores = np.round(rng.random(60), 1)  # ties
    flawed = rng.random(60) < 0.4
    weights = rng.integers(0, 4, (5, 60)).astype(float)
    expected = [roc_auc_score(flawed, scores, sample_weight=w) for w in weights]
    assert auroc(scores, flawed, weights) == pytest.approx(expected)


@pytest.mark.parametrize("flawed", [[True, True], [False, False]])
def test_one_class_is_undefined(flawed):
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array(flawed), once(2))).all()


def test_no_picture_is_undefined():
    nothing = np.zeros(0)
    assert np.isnan(auroc(nothing, nothing > 0, once(0))).all()
    assert np.isnan(calibration_error(nothing, nothing > 0, once(0))).all()


def test_calibration_by_hand():
    probabilities = np.array([0.9, 0.9, 0.2, 0.2])
    flawed = np.array([True, False, False, False])
    # In one bin 0.9 against a half, in the other 0.2 against none.
    assert calibration_error(probabilities, flawed, once(4)) == pytest.approx([(0.4 + 0.2) / 2])


def test_calibration_is_torchmetrics():
    rng = np.random.default_rng(2)
    probabilities, flawed = rng.random(80), rng.random(80) < 0.5
    weights = np.vstack([np.ones(80), rng.integers(0, 3, 80)])
    expected = []
    for row in weights.astype(int):
        metric = BinaryCalibrationError(n_bins=15, norm="l1")
        drawn = np.repeat(probabilities, row), np.repeat(flawed, row).astype(int)
        expected.append(float(metric(*map(torch.from_numpy, drawn))))
    assert calibration_error(probabilities, flawed, weights) == pytest.approx(expected, abs=1e-6)


def test_certainty_is_in_the_last_bin():
    assert calibration_error(np.array([1.0]), np.array([True]), once(1)) == pytest.approx([0])
