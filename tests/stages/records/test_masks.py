import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.records.documents import Rle
from stages.records.masks import bounding_box, decode, encode, from_grid, to_grid

masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def naive_counts(mask):
    """Compute COCO's run lengths pixel by pixel."""
    counts, value = [0], False
    for column in range(mask.shape[1]):
        for row in range(mask.shape[0]):
            if mask[row, column] != value:
                counts.append(0)
                value = not value
            counts[-1] += 1
    return counts


@given(masks)
def test_encode_equals_a_naive_implementation(mask):
    rle = encode(mask)
    assert rle.size == mask.shape
    assert rle.counts == naive_counts(mask)


@given(masks)
def test_decode_inverts_encode(mask):
    assert np.array_equal(decode(encode(mask)), mask)


def test_a_mask_without_pixels_is_encoded_and_decoded():
    mask = np.zeros((0, 5), dtype=bool)
    assert decode(encode(mask)).shape == (0, 5)


@pytest.mark.parametrize("counts", [[5], [7], [4, -1, 3], []])
def test_runs_that_do_not_fill_the_size_are_refused(counts):
    with pytest.raises(ValueError, match="size is 2 x 3"):
        decode(Rle(size=(2, 3), counts=counts))


@given(masks)
def test_bounding_box_is_the_smallest_that_holds_the_mask(mask):
    x0, y0, x1, y1 = bounding_box(mask)
    inside = np.zeros_like(mask)
    inside[y0:y1, x0:x1] = True
    assert not (mask & ~inside).any()
    if mask.any():
        assert mask[y0].any() and mask[y1 - 1].any()
        assert mask[:, x0].any() and mask[:, x1 - 1].any()
    else:
        assert (x0, y0, x1, y1) == (0, 0, 0, 0)


@st.composite
def windows(draw):
    """Draw a mask, a box in it, and a grid that is at most as fine as the box's pixels."""
    mask = draw(arrays(bool, st.tuples(st.integers(4, 16), st.integers(4, 16))))
    y0 = draw(st.integers(0, mask.shape[0] - 2))
    x0 = draw(st.integers(0, mask.shape[1] - 2))
    y1 = draw(st.integers(y0 + 1, mask.shape[0]))
    x1 = draw(st.integers(x0 + 1, mask.shape[1]))
    grid = (draw(st.integers(1, y1 - y0)), draw(st.integers(1, x1 - x0)))
    return mask, (x0, y0, x1, y1), grid


@given(windows())
def test_a_token_is_covered_when_any_of_its_pixels_is(window):
    mask, box, grid = window
    x0, y0, x1, y1 = box
    expected = np.zeros(grid, dtype=bool)
    for y in range(y0, y1):
        for x in range(x0, x1):
            row = (y - y0) * grid[0] // (y1 - y0)
            column = (x - x0) * grid[1] // (x1 - x0)
            expected[row, column] |= mask[y, x]
    assert np.array_equal(to_grid(mask, box, grid), expected)


@given(windows())
def test_tokens_cover_the_mask_in_their_window_and_nothing_outside(window):
    mask, box, grid = window
    x0, y0, x1, y1 = box
    covered = from_grid(to_grid(mask, box, grid), box, mask.shape)
    assert not (mask[y0:y1, x0:x1] & ~covered[y0:y1, x0:x1]).any()
    covered[y0:y1, x0:x1] = False
    assert not covered.any()


@given(windows(), st.data())
def test_to_grid_inverts_from_grid(window, data):
    mask, box, grid = window
    tokens = data.draw(arrays(bool, grid))
    assert np.array_equal(to_grid(from_grid(tokens, box, mask.shape), box, grid), tokens)
