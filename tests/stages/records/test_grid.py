import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid

masks = st.integers(0, 2**32 - 1).map(lambda s: np.random.default_rng(s).random((7, 9)) < 0.15)


@given(masks, st.integers(0, 4))
def test_dilation_is_the_manhattan_ball(mask, radius):
    every = grid.points(np.ones_like(mask))
    if not mask.any():
        assert not grid.dilate(mask, radius).any()
        return
    near = grid.manhattan(every, grid.points(mask)).min(axis=1) <= radius
    assert (grid.dilate(mask, radius).ravel() == near).all()
    assert (grid.ring(mask, radius) == (grid.dilate(mask, radius) & ~mask)).all()


def test_dilation_returns_a_copy():
    mask = np.eye(3, dtype=bool)
    grid.dilate(mask, 0)[0, 1] = True
    assert not mask[0, 1]


def test_manhattan_by_hand():
    assert grid.manhattan(np.array([[0, 0], [2, 3]]), np.array([[1, 5]])).tolist() == [[6], [3]]


@given(masks)
def test_points_and_indices_agree(mask):
    assert grid.to_indices(grid.points(mask), mask.shape).tolist() == grid.indices(mask).tolist()


@pytest.mark.parametrize(
    ("dy", "dx", "name"),
    [(0, 1, "right"), (0, -2, "left"), (-3, 0, "above"), (2, 0, "below"), (-1, -1, "upper left"),
     (-2, 2, "upper right"), (3, 3, "lower right"), (1, -1, "lower left"), (1, 5, "right")],
)  # fmt: skip
def test_direction(dy, dx, name):
    assert grid.direction(dy, dx) == name


def test_contact_prefers_the_overlap_and_falls_back_to_the_edge():
    a, b = np.zeros((4, 6), dtype=bool), np.zeros((4, 6), dtype=bool)
    a[:, :3], b[:, 2:] = True, True
    assert np.unique(np.nonzero(grid.contact(a, b))[1]).tolist() == [2]
    b[:, 2] = False
    assert np.unique(np.nonzero(grid.contact(a, b))[1]).tolist() == [2, 3]
    b[:, 3] = False
    assert not grid.contact(a, b).any()


def test_anchor_is_a_token_of_the_mask():
    mask = np.ones((5, 5), dtype=bool)
    mask[1:4, 1:4] = False
    assert mask[tuple(grid.anchor(mask))]


def test_inside():
    at = np.array([[0, 0], [-1, 0], [3, 4], [4, 0], [0, 5]])
    assert grid.inside(at, (4, 5)).tolist() == [True, False, True, False, False]


def test_outline_has_one_pair_per_side_and_none_on_the_edge_of_the_grid():
    mask = np.zeros((4, 5), dtype=bool)
    mask[0, 1:3] = True
    inner, outer = grid.outline(mask)
    pairs = {(tuple(a), tuple(b)) for a, b in zip(inner.tolist(), outer.tolist(), strict=True)}
    assert pairs == {
        ((0, 1), (0, 0)),
        ((0, 1), (1, 1)),
        ((0, 2), (0, 3)),
        ((0, 2), (1, 2)),
    }
    assert len(inner) == len(pairs)
