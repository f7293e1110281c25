"""Batches made ahead equal those made when asked for."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from training.feed import batches


def square(step: int) -> np.ndarray:
    return np.array([step, step**2])


@pytest.mark.parametrize("loaders", [0, 2])
def test_batches_come_in_the_order_of_the_steps_as_they_were_made(loaders):
    found = list(islice(batches(square, 5, loaders), 6))
    assert all(isinstance(one, np.ndarray) for one in found)
    assert [one.tolist() for one in found] == [[n, n * n] for n in range(5, 11)]
