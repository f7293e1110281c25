import numpy as np
import pytest

from stages.models.judge.features import seams
from stages.models.judge.features.patches import copy_patches
from stages.models.judge.features.seams import Border, seam

GRID = (6, 6)
TARGETS, REFERENCES = [27, 28, 35, 36], [0, 1, 8, 9]
WIDE = (8, 8)


def moved(targets, references, tokens=36):
    index = np.arange(tokens)
    index[targets] = references
    return index


@pytest.fixture
def smooth():
    ramp = np.linspace(40, 200, 96)
    return np.repeat((ramp[:, None] + ramp)[..., None] / 2, 3, axis=2).astype(np.uint8)


def test_a_block_that_moves_together_tears_only_around_it():
    found = seams.find_torn_borders(moved([14, 15, 20, 21], [8, 9, 14, 15]), GRID)
    assert len(found) == 8
    assert Border(2, 2, True) in found and Border(4, 3, True) in found
    assert Border(2, 2, False) in found and Border(3, 4, False) in found
    assert Border(3, 2, True) not in found and Border(2, 3, False) not in found


def test_tokens_from_different_places_tear_between_them():
    found = seams.find_torn_borders(moved([14, 15], [2, 33]), GRID)
    assert Border(2, 3, False) in found


def test_untouched_borders_lie_away_from_the_targets():
    found = seams.find_untouched_borders(moved([0], [35]), GRID)
    assert Border(2, 2, True) not in found
    assert Border(3, 0, True) in found and Border(0, 3, False) in found
    assert all((b.row if b.horizontal else b.column) > 0 for b in found)


def test_contrast_is_about_0_on_a_ramp_and_high_on_a_step(smooth):
    stepped = smooth.copy()
    stepped[32:48, 32:48] += 40
    borders = seams.find_torn_borders(moved([14], [3]), GRID)
    flat = [seams.contrast(strip) for strip in seams.cut_strips(smooth, borders)]
    high = [seams.contrast(strip) for strip in seams.cut_strips(stepped, borders)]
    assert len(flat) == len(high) == 4
    assert max(np.abs(flat)) < 0.5
    assert min(high) > 2


def test_horizontal_and_vertical_borders_give_the_same_strips(smooth):
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    (horizontal,) = seams.cut_strips(picture, [Border(2, 3, True)])
    (vertical,) = seams.cut_strips(picture.swapaxes(0, 1), [Border(3, 2, False)])
    np.testing.assert_array_equal(horizontal, vertical)


def test_borders_too_near_the_edge_give_no_strip(smooth):
    assert list(seams.cut_strips(smooth[:24], [Border(1, 0, True)])) == []


def test_an_untouched_photo_has_no_seam(photo):
    contrast, seen = seam(photo, photo, moved(TARGETS, REFERENCES, 64), WIDE)
    assert contrast == 0.0 and seen < 0.35


def test_a_paste_has_a_seam(photo):
    pasted = copy_patches(photo, TARGETS, REFERENCES)
    contrast, seen = seam(photo, pasted, moved(TARGETS, REFERENCES, 64), WIDE)
    assert contrast > 0.3 and seen > 0.5


def test_without_torn_borders_the_result_is_none(photo):
    assert seam(photo, photo, moved([0], [0], 64), WIDE) == (None, None)
