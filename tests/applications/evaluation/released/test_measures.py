from dataclasses import replace

import numpy as np
import pytest
from findings import SIZE, example, heat

from applications.evaluation.example import Truth
from applications.evaluation.released.measures import measure, measure_failure
from applications.evaluation.truth import fit
from applications.protocols import Finding, Region, Thresholds


def picture(*boxes, label="flawed", **fields):
    return fit(example("a", label, *boxes, **fields), SIZE)[0]


def found(*boxes, probability=1.0, **fields):
    return Finding(probability, tuple(Region(box) for box in boxes), **fields)


def measured(truth, finding):
    return measure(truth, finding, Thresholds())


def test_a_missed_box_does_not_lower_the_mean():
    result = measured(picture((0, 0, 10, 10), (15, 0, 20, 5)), found((0, 0, 10, 5)))
    assert result.box_iou == pytest.approx(0.5)
    assert result.box_f1 == pytest.approx(2 * 1 / (2 + 1))


def test_matching_is_greedy_in_the_order_of_the_truth():
    """The first annotated box takes the only found one that would match the second."""
    truth = picture((0, 0, 10, 10), (0, 0, 20, 10))
    result = measured(truth, found((0, 0, 12, 10), (0, 0, 7, 10)))
    # IoUs: 0.83 and 0.7 with the first annotated box, 0.6 and 0.35 with the second.
    assert result.box_f1 == pytest.approx(2 * 1 / (2 + 2))
    assert result.box_iou == pytest.approx((100 / 120 + 0.6) / 2)


def test_boxes_without_overlap_give_zeros():
    result = measured(picture((0, 0, 5, 5)), found((10, 5, 20, 10)))
    assert (result.box_iou, result.box_f1) == (0, 0)


def test_pixels_of_boxes_include_their_last_row_and_column():
    result = measured(picture((0, 0, 4, 4)), found((0, 0, 4, 4)))
    assert result.pixel_iou == 1
    # 5 x 5 pixels against 3 x 3.
    small = measured(picture((0, 0, 4, 4)), found((0, 0, 2, 2)))
    assert small.pixel_iou == pytest.approx(9 / 25)
    assert small.pixel_miou == pytest.approx((9 / 25 + (200 - 25) / (200 - 9)) / 2)
    assert small.pixel_f1 == pytest.approx(2 * 9 / (9 + 25))


def test_nothing_found_is_half_of_the_foreground_background_mean():
    result = measured(picture((0, 0, 9, 9)), found(probability=0.0))
    assert not result.says_yes
    assert not result.has_places
    assert (result.pixel_iou, result.pixel_f1) == (0, 0)
    assert result.pixel_miou == pytest.approx((200 - 100) / 200 / 2)


def test_two_empty_masks_agree():
    result = measured(picture(label="clean"), found(probability=0.0))
    assert (result.pixel_iou, result.pixel_miou) == (1, 1)


def test_a_heat_map_gets_the_best_threshold_of_the_picture():
    """Only between 0.2 and 0.6 is its box that of the truth."""
    warm = heat((0, 0, 20, 10), 0.2) + heat((0, 0, 10, 10), 0.4) + heat((0, 0, 2, 2), 0.4)
    result = measured(picture((0, 0, 10, 10)), found(mask=warm))
    assert (result.box_iou, result.box_f1) == (1, 1)
    # Binarised at 0.3 the pixels are right, but for the last row and column of the truth.
    assert result.pixel_iou == pytest.approx(100 / 110)


def test_the_first_polygon_of_a_region_counts():
    polygons = ((0.0, 0, 4, 0, 4, 4, 0, 4), (10.0, 0, 20, 0, 20, 9, 10, 9))
    region = Truth((0, 0, 20, 9), polygons=polygons)
    made = replace(example("a"), regions=(region,))
    result = measured(fit(made, SIZE)[0], found((0, 0, 4, 4)))
    assert (result.box_iou, result.pixel_iou) == (1, 1)


def test_an_annotated_heat_map_is_one_box_and_every_marked_pixel():
    warm = heat((0, 0, 5, 5), 0.1) + heat((10, 0, 15, 5), 0.1)
    truth = picture(heat=lambda: warm, mask=lambda size: np.asarray(warm > 0.3))
    # Normalised, both areas are above 0.3; their one box is 15 x 5.
    result = measured(truth, found((0, 0, 15, 5)))
    assert result.box_iou == 1
    assert result.pixel_iou == pytest.approx(50 / (16 * 6), abs=0.03)


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        ("Yes, there is one.", True),
        ("Yes, I know.", False),
        ("yes but not clearly", False),
        ("", False),
        ("maybe", False),
    ],
)
def test_an_answer_that_does_not_parse_is_searched_for_letters(answer, yes):
    assert measure_failure(picture((0, 0, 5, 5)), answer).says_yes == yes
