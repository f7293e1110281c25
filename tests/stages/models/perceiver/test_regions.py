import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.models.perceiver.regions import largest_component, masks_touch


def box(x0, y0, x1, y1, shape=(60, 60)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@given(st.integers(0, 12))
def test_touching_is_a_matter_of_the_gap(gap):
    a, b = box(0, 10, 20, 30), box(20 + gap, 10, 50, 30)
    assert masks_touch(a, b, 5) == (gap < 5)
    assert masks_touch(b, a, 5) == (gap < 5)


def test_what_lies_inside_does_not_touch():
    assert not masks_touch(box(10, 10, 20, 20), box(0, 0, 40, 40), 3)
    assert masks_touch(box(10, 10, 20, 20), box(17, 10, 40, 40), 3)


def test_nothing_touches_nothing():
    empty = np.zeros((60, 60), bool)
    assert not masks_touch(empty, box(0, 0, 9, 9), 3) and not masks_touch(box(0, 0, 9, 9), empty, 3)


def test_largest_component():
    small, large = box(0, 0, 5, 5), box(20, 20, 40, 40)
    assert (largest_component(small | large) == large).all()
    assert not largest_component(np.zeros((4, 4), bool)).any()
    diagonal = np.eye(6, dtype=bool)
    assert (largest_component(diagonal) == diagonal).all()
