import numpy as np
import pytest
from findings import example, heat

from applications.evaluation.truth import fit


def test_boxes_are_filled():
    picture, problems = fit(example("a", "flawed", (0, 0, 4, 4), (2, 2, 6, 6)), (20, 10))
    assert not problems
    assert picture.mask.sum() == 16 + 16 - 4


def test_another_size_does_not_fit():
    with pytest.raises(ValueError, match="is 10 x 10, its annotation is of 20 x 10"):
        fit(example("a"), (10, 10))


def test_a_mask_of_another_shape_does_not_fit():
    wrong = example("a", mask=lambda size: np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="mask is of shape"):
        fit(wrong, (20, 10))


def test_boxes_that_leave_the_picture_are_cut_and_named():
    made = example("a", "flawed", (-5, 0, 5, 5), (0, 0, 20.5, 10), (30, 0, 40, 5))
    picture, problems = fit(made, (20, 10))
    assert [region.box for region in picture.example.regions] == [(0, 0, 5, 5), (0, 0, 20, 10)]
    assert [(p.kind, p.where) for p in problems] == [("bad label", "a")] * 2
    assert "cut" in problems[0].message
    assert "not used" in problems[1].message


def test_a_heat_map_has_the_boxes_of_its_areas():
    warm = heat((0, 0, 3, 3)) + heat((10, 5, 20, 10))
    made = example("a", heat=lambda: warm, mask=lambda size: warm > 0.3)
    assert [r.box for r in fit(made, (20, 10))[0].example.regions] == [
        (0, 0, 3, 3), (10, 5, 20, 10),
    ]  # fmt: skip
