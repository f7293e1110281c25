import numpy as np
import pytest

from benchmarks.perception.labels import Mark
from benchmarks.perception.matching import inside, match, overlap, overlaps, wilson


def mark(*box, difficult=False):
    return Mark(box=box, difficult=difficult)


def test_overlap_of_boxes_is_that_of_their_masks():
    a, b = (2, 3, 12, 9), (7, 1, 15, 7)
    masks = []
    for x0, y0, x1, y1 in (a, b):
        mask = np.zeros((20, 20), bool)
        mask[y0:y1, x0:x1] = True
        masks.append(mask)
    assert overlaps([a], [b])[0, 0] == pytest.approx(overlap(*masks))


def test_overlap_of_two_empty_masks_is_zero():
    assert overlap(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 0.0


def test_two_predictions_on_one_label_are_one_right_and_one_wrong():
    outcome = match([(0, 0, 10, 10), (0, 0, 10, 9)], [mark(0, 0, 10, 10)], 0.5)
    assert outcome.right == (True, False)
    assert outcome.found == (True,)


def test_pairs_are_chosen_together_not_one_by_one():
    # greedy would give the middle box to the left label and leave the right label alone
    labels = [mark(0, 0, 10, 10), mark(6, 0, 16, 10)]
    outcome = match([(2, 0, 12, 10), (0, 0, 7, 10)], labels, 0.3)
    assert outcome.right == (True, True) and outcome.found == (True, True)


def test_an_overlap_below_the_least_is_no_match():
    outcome = match([(0, 0, 10, 4)], [mark(0, 0, 10, 10)], 0.5)
    assert outcome.right == (False,) and outcome.found == (False,)


def test_difficult_labels_neither_help_nor_harm():
    outcome = match([(0, 0, 10, 10), (0, 0, 9, 10)], [mark(0, 0, 10, 10, difficult=True)], 0.5)
    assert outcome.right == (None, None) and outcome.found == (None,)


def test_nothing_predicted_or_nothing_labelled():
    assert match([], [mark(0, 0, 5, 5)], 0.5).found == (False,)
    assert match([(0, 0, 5, 5)], [], 0.5).right == (False,)


def test_wilson_as_published():
    low, high = wilson(15, 20)  # Newcombe 1998's method 3
    assert (round(low, 3), round(high, 3)) == (0.531, 0.888)
    assert wilson(0, 0) == (0.0, 1.0)


def test_inside_is_half_open_and_counts_difficult_boxes():
    marks = [mark(0, 0, 5, 5), mark(10, 10, 20, 20, difficult=True)]
    assert inside((0, 0), marks) and inside((15, 15), marks)
    assert not inside((5, 4), marks)
