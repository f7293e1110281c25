from collections import Counter

import numpy as np
import pytest

from flows.comparison.shifts import BINS, make_name_shift, make_number_shift


def test_names_are_compared_by_their_shares() -> None:
    shift = make_name_shift("tool", Counter(add=50, fuse=50), Counter(add=75, remove=25))
    assert shift.distance == 0.5  # fuse lost half, add and remove gained a quarter each
    assert shift.counts == {"fuse": (50, 0), "add": (50, 75), "remove": (0, 25)}
    assert make_name_shift("tool", Counter(add=1), Counter(add=9)).distance == 0
    assert make_name_shift("tool", Counter(), Counter(add=9)).distance == 1
    assert make_name_shift("tool", Counter(), Counter()).distance == 0


def test_numbers_are_compared_by_quantiles_and_cumulative_distributions() -> None:
    old, new = np.linspace(0, 1, 101), np.linspace(0.5, 1.5, 101)
    shift = make_number_shift("area", old, new)
    assert shift.quantiles[0][2] == pytest.approx(0.5) and shift.quantiles[1][2] == pytest.approx(1)
    assert shift.distance == pytest.approx(0.5, abs=0.02)
    assert sum(shift.histograms[0]) == sum(shift.histograms[1]) == 101
    assert len(shift.edges) == BINS + 1


def test_a_number_that_is_the_same_everywhere() -> None:
    shift = make_number_shift("area", np.full(3, 0.25), np.full(5, 0.25))
    assert shift.distance == 0 and sum(shift.histograms[1]) == 5
