import numpy as np
import pytest

from benchmarks.perception.labels import Mark
from benchmarks.perception.matching import (
    box_overlaps,
    is_inside,
    mask_overlap,
    match,
    wilson_interval,
)


def mark(*box, difficult=False):
    return Mark(box=box, difficult=difficult)


def test_overlap_of_boxes_equals_that_of_their_masks():
    a, b = (2, 3, 12, 9), (7, 1, 15, 7)
    masks = []
    for x0, y0, x1, y1 in (a, b):
        mask = np.zeros((20, 20), bool)
        mask[y0:y1, x0:x1] = True
        masks.append(mask)
    assert box_overlaps([a], [b])[0, 0] == pytest.approx(mask_overlap(*masks))


def test_overlap_of_two_empty_masks_is_zero():
    assert mask_overlap(np.zeros((4, 4), bool), np.zeros((4, 4), bool)) == 0.0


def test_of_two_predictions_on_one_label_one_is_wrong():
    outcome = match([(0, 0, 10, 10), (0, 0, 10, 9)], [mark(0, 0, 10, 10)], 0.5)
    assert outcome.right == (True, False)
    assert outcome.found == (True,)


def test_pairs_are_chosen_jointly():
    # A greedy choice would give the middle box to the left label and none to the right one.
    labels = [mark(0, 0, 10, 10), mark(6, 0, 16, 10)]
    outcome = match([(2, 0, 12, 10), (0, 0, 7, 10)], labels, 0.3)
    assert outcome.right == (True, True) and outcome.found == (True, True)


def test_overlap_below_the_minimum_is_no_match():
    outcome = match([(0, 0, 10, 4)], [mark(0, 0, 10, 10)], 0.5)
    assert outcome.right == (False,) and outcome.found == (False,)


def test_difficult_labels_neither_help_nor_harm():
    outcome = match([(0, 0, 10, 10), (0, 0, 9, 10)], [mark(0, 0, 10, 10, difficult=True)], 0.5)
    assert outcome.right == (None, None) and outcome.found == (None,)


def test_match_without_predictions_or_labels():
    assert match([], [mark(0, 0, 5, 5)], 0.5).found == (False,)
    assert match([(0, 0, 5, 5)], [], 0.5).right == (False,)


def test_wilson_as_published():
    low, high = wilson_interval(15, 20)  # Newcombe 1998's method 3
    assert (round(low, 3), round(high, 3)) == (0.531, 0.888)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_inside_is_half_open_and_counts_difficult_boxes():
    marks = [mark(0, 0, 5, 5), mark(10, 10, 20, 20, difficult=True)]
    assert is_inside((0, 0), marks) and is_inside((15, 15), marks)
    assert not is_inside((5, 4), marks)
