import numpy as np
import pytest

from stages.models.perceiver.people.hand import Hand
from stages.models.perceiver.people.hands import assess_hand
from stages.models.perceiver.people.pose import Pose

POINTS = np.full((21, 2), (100, 150), np.float32)
POINTS[0], POINTS[9] = (100, 200), (100, 150)


def pose(left=(400.0, 400.0), right=(300.0, 400.0), visible=1.0):
    points = np.zeros((33, 2), np.float32)
    points[15], points[16] = left, right
    return Pose(1.0, points, np.full(33, visible, np.float32), np.ones((9, 9), np.float32))


def test_the_nearer_wrist_decides_the_side():
    hand = Hand(1.0, 0.6, POINTS)
    assert assess_hand(hand, pose(right=(105, 205)))[::2] == ("right", True)
    assert assess_hand(hand, pose(left=(105, 205)))[::2] == ("left", True)


def test_the_prediction_decides_the_side_without_a_wrist():
    assert assess_hand(Hand(1.0, 0.9, POINTS), None)[::2] == ("left", False)
    assert assess_hand(Hand(1.0, 0.1, POINTS), pose())[::2] == ("right", False)


def test_disagreement_of_wrist_and_prediction_lowers_the_certainty():
    agree, against = Hand(1.0, 0.02, POINTS), Hand(1.0, 0.98, POINTS)
    here = pose(right=(105, 205))
    assert assess_hand(agree, here)[1] == pytest.approx(1.0)
    assert assess_hand(against, here)[1] < 0.1


def test_spread_lowers_the_certainty():
    assert Hand(1.0, 1.0, POINTS, 0.15).certainty == pytest.approx(0.5)
    assert Hand(1.0, 1.0, POINTS, 0.02).certainty > 0.95
