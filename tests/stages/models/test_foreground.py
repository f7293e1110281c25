import cv2
import numpy as np

from stages.models.foreground import seeds, unit, unlike_border


def test_unlike_border_finds_the_odd_middle():
    features = np.zeros((2, 12, 12), np.float32)
    features[0] = 1
    features[:, 4:8, 4:8] = [[[0]], [[1]]]
    out = unlike_border(features)
    assert out[4:8, 4:8].min() > out[0].max() + 0.5


def test_unit_spans_zero_to_one_or_is_zero():
    out = unit(np.array([[2.0, 4.0], [3.0, 2.0]], np.float32))
    assert out.min() == 0 and out.max() == 1
    assert not unit(np.full((3, 3), 7.0, np.float32)).any()


def test_seeds_follow_the_score_and_respect_what_is_blocked():
    score = np.zeros((40, 40), np.float32)
    score[10:30, 10:30] = 0.6
    score[16:20, 16:20] = 1.0
    blocked = np.zeros((40, 40), bool)
    blocked[10:14] = True
    out = seeds(score, blocked)
    assert out[18, 18] == cv2.GC_FGD and out[0, 0] == cv2.GC_BGD
    assert out[25, 25] & 1
    assert (out[blocked] == cv2.GC_BGD).all()
