import numpy as np
import pytest

from stages.models.perceiver.people.hand import FINGERS, Hand, hand_roi, palm_roi, wrist_roi

UP = np.zeros((21, 2), np.float32)
UP[0] = (100, 200)
for column, chain in enumerate(((1, 2, 3, 4), *[c for n, c in FINGERS.items() if n != "thumb"])):
    for row, joint in enumerate(chain):
        UP[joint] = (70 + 15 * column, 150 - 15 * row)
SHAPE = (300, 300)


def test_hand_roi_contains_the_hand_with_the_fingers_up():
    roi = hand_roi(UP)
    local = roi.to_crop(UP)
    assert (local > 0).all() and (local < 1).all()
    assert local[12, 1] < local[0, 1]


def test_hand_roi_rotates_with_the_hand():
    turned = np.stack([300 - UP[:, 1], UP[:, 0]], 1)
    local, upright = hand_roi(turned).to_crop(turned), hand_roi(UP).to_crop(UP)
    assert np.allclose(local, upright, atol=1e-3)


def test_wrist_roi_lies_beyond_the_wrist():
    roi = wrist_roi(np.array([100.0, 200]), np.array([95.0, 160]), np.array([105.0, 160]))
    assert roi.y < 160 and roi.size > 200 and abs(roi.angle) < 0.1


def test_palm_roi_moves_towards_the_fingers():
    keypoints = np.array([[100, 120], [0, 0], [100, 80]], np.float32)
    roi = palm_roi(np.array([80, 80, 120, 120], np.float32), keypoints)
    assert roi.size == pytest.approx(104) and roi.y == pytest.approx(80) and roi.x == 100


def test_a_straight_finger_is_long_and_a_folded_one_short():
    folded = UP.copy()
    folded[8] = folded[5] + (0, -3)
    assert Hand(1, 1, UP).finger_length("index finger") > 0.8
    assert Hand(1, 1, folded).finger_length("index finger") < 0.1


def test_fingers_are_part_of_the_hand():
    hand = Hand(1, 1, UP)
    full = hand.mask(SHAPE)
    for name in FINGERS:
        finger = hand.finger_mask(name, SHAPE)
        assert finger.any() and not (finger & ~full).any()
