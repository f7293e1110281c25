import numpy as np
import pytest

from applications.evaluation.metrics.boxes import as_boxes, box_ious, count_matches


def test_ious_by_hand():
    found = as_boxes([[0, 0, 10, 10], [0, 0, 10, 5]])
    truth = as_boxes([[0, 0, 10, 10], [5, 5, 15, 15], [20, 20, 30, 30]])
    # 25 of 175 pixels are in both; the second box covers half of the first truth.
    expected = [[1, 25 / 175, 0], [0.5, 0, 0]]
    assert box_ious(found, truth) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("found", "truth"), [([], [[0, 0, 1, 1]]), ([[0, 0, 1, 1]], []), ([], [])])
def test_nothing_matches_nothing(found, truth):
    assert count_matches(as_boxes(found), as_boxes(truth)) == 0


def test_a_box_matches_once():
    one = as_boxes([[0, 0, 10, 10]])
    assert count_matches(as_boxes([[0, 0, 10, 10], [0, 0, 10, 9]]), one) == 1
    assert count_matches(one, as_boxes([[0, 0, 10, 10], [0, 0, 10, 9]])) == 1


def test_the_threshold_itself_matches():
    truth = as_boxes([[0, 0, 10, 10]])
    assert count_matches(as_boxes([[0, 0, 10, 5]]), truth) == 1
    assert count_matches(as_boxes([[0, 0, 10, 4.9]]), truth) == 0


def test_hungarian_matching_finds_more_than_greedy():
    """Greedy by IoU gives the first truth its best box, which is the second truth's only one."""
    found = as_boxes([[0, 0, 10, 10], [0, 0, 10, 6]])
    truth = as_boxes([[0, 0, 10, 9], [0, 0, 10, 16]])
    # IoUs: 0.9 and 0.625 with the first found box; 0.667 and 0.375 with the second.
    assert count_matches(found, truth) == 2
