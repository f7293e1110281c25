import numpy as np
import pytest

from stages.records import grid
from stages.records.colours import steps_across, token_colours


def test_token_colours_are_the_means_of_the_tokens():
    window = np.zeros((32, 48, 3), np.uint8)
    window[:16, 16:32] = 255
    window[16:, :8] = 255  # half a token
    colours = token_colours(window)
    assert colours.shape == (2, 3, 3)
    assert colours[..., 0] == pytest.approx(np.array([[0, 100, 0], [50, 0, 0]]), abs=0.1)


def test_step_is_the_mean_over_the_outline_of_what_is_placed():
    colours = np.zeros((5, 5, 3), np.float32)
    colours[:, 4, 0] = 30
    mask = np.zeros((5, 5), dtype=bool)
    mask[2, 1] = True
    inner, outer = grid.outline(mask)
    offsets = np.array([[0, 0], [0, 3]])
    assert steps_across(colours, inner + offsets[:, None], outer).tolist() == [0, 30]
