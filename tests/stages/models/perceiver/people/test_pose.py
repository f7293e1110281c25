import numpy as np
import pytest

from stages.models.perceiver.people.geometry import Roi
from stages.models.perceiver.people.pose import MIRROR, PoseModel, body_roi, refine, sigmoid
from stages.models.weights import packages


def test_body_roi_is_upright_and_wide_enough():
    roi = body_roi(np.array([100.0, 200.0]), np.array([100.0, 120.0]))
    assert (roi.x, roi.y, roi.size) == (100, 200, 200)
    assert abs(roi.angle) < 1e-9


def test_refine_moves_to_the_peak_and_keeps_uncertain_points():
    heatmap = np.full((64, 64, 2), -20.0, np.float32)
    heatmap[32, 34, 0] = 20.0
    heatmap[10, 10, 1] = -1.0  # below one half
    points = np.array([[0.5, 0.5], [0.16, 0.16]], np.float32)
    out = refine(points, heatmap)
    assert np.allclose(out[0], (34 / 64, 32 / 64), atol=1e-4)
    assert np.array_equal(out[1], points[1])


def test_refine_keeps_points_outside_the_map():
    points = np.array([[1.4, 0.5]], np.float32)
    assert np.array_equal(refine(points, np.full((64, 64, 1), 9.0, np.float32)), points)


def test_sigmoid_does_not_overflow():
    out = sigmoid(np.array([-1e4, 0.0, 1e4], np.float32))
    assert np.allclose(out, [0, 0.5, 1])


def test_mirroring_swaps_shoulders_and_twice_changes_nothing():
    assert np.array_equal(MIRROR[MIRROR], np.arange(33))
    assert MIRROR[11] == 12 and MIRROR[0] == 0 and MIRROR[9] == 10


@pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["mediapipe"]), reason="weights are not fetched"
)
def test_a_person_has_little_spread_and_a_plain_wall_does_not(sample_photo):
    model = PoseModel(packages.read("mediapipe", "pose_landmark_full.tflite"))
    image = sample_photo("scikit-image/astronaut.png")
    person = model.predict_twice(image, Roi(230, 330, 640))
    assert np.hypot(*(person.points[0] - (222, 118))) < 25
    assert person.points[11, 0] > person.points[12, 0]
    assert person.spread[[0, 11, 12]].max() < 20
    wall = model.predict_twice(np.full_like(image, 120), Roi(230, 330, 640))
    assert wall.score < 0.5 or wall.spread.mean() > 2 * person.spread[[0, 11, 12]].mean()
