import math

import numpy as np
import torch

from stages.inject.tokens import (
    find_repeats,
    grow,
    halo_box,
    start_latent,
)
from stages.records.source_index import source_index

GRID = (3, 4)


def test_the_active_set_is_the_targets_and_their_margin():
    targets = np.zeros(GRID, dtype=bool)
    targets[0, 1] = True
    assert np.array_equal(grow(targets, 0), targets)
    expected = np.array([[1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
    assert np.array_equal(grow(targets, 1), expected)


def test_repeats_are_the_later_targets_of_one_reference(variant):
    index = source_index(variant([5, 6, 7, 8], [1, 2, 1, 1]), GRID)
    assert np.flatnonzero(find_repeats(index)).tolist() == [7, 8]
    assert not find_repeats(np.arange(12)).any()


def test_the_halo_stays_inside_the_grid():
    active = np.zeros(GRID, dtype=bool)
    active[1, 1:3] = True
    assert halo_box(active, 0) == (1, 1, 2, 3)
    assert halo_box(active, 1) == (0, 0, 3, 4)
    assert halo_box(active, 9) == (0, 0, 3, 4)


def test_without_fresh_noise_targets_start_at_the_references_latents(variant):
    photo, inverted, noise = torch.randn(3, 12, 64).unbind()
    index = source_index(variant([5], [1]), GRID)
    start = start_latent(photo, inverted, 0.6, index, torch.full((12, 1), 0.0), noise)
    torch.testing.assert_close(start[5], inverted[1])
    rest = torch.arange(12) != 5
    assert torch.equal(start[rest], inverted[rest])


def test_the_gather_is_the_formula_at_t_one(variant):
    photo, inverted, noise = torch.randn(3, 12, 64).unbind()
    start = start_latent(
        photo, inverted, 1.0, source_index(variant([5], [1]), GRID), torch.full((12, 1), 0.3), noise
    )
    torch.testing.assert_close(start[5], math.sqrt(1 - 0.09) * inverted[1] + 0.3 * noise[5])


def test_only_fresh_noise_keeps_the_references_photo_share(variant):
    photo, inverted, noise = torch.randn(3, 12, 64).unbind()
    start = start_latent(
        photo, inverted, 0.6, source_index(variant([5], [1]), GRID), torch.full((12, 1), 1.0), noise
    )
    torch.testing.assert_close(start[5], 0.4 * photo[1] + 0.6 * noise[5])
