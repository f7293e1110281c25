import numpy as np
import pytest

from stages.models.judge.features.patches import colour, copy_patches, sharpness

TARGETS, REFERENCES = [27, 28, 35, 36], [0, 1, 8, 9]


def moved(targets, references):
    index = np.arange(64)
    index[targets] = references
    return index


@pytest.fixture
def control():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_patches_are_copied_from_references_to_targets(control):
    found = copy_patches(control, [1, 6], [4, 15])
    np.testing.assert_array_equal(found[:16, 16:32], control[16:32, :16])
    np.testing.assert_array_equal(found[16:32, 32:48], control[48:, 48:])
    same = (found == control).all(2).reshape(4, 16, 4, 16).all((1, 3))
    assert np.flatnonzero(~same).tolist() == [1, 6]


def test_patches_can_be_swapped(control):
    found = copy_patches(control, [0, 1], [1, 0])
    np.testing.assert_array_equal(found[:16, :16], control[:16, 16:32])
    np.testing.assert_array_equal(found[:16, 16:32], control[:16, :16])


def test_a_paste_is_as_sharp_as_its_source_and_a_flat_patch_is_not(photo):
    index = moved(TARGETS, REFERENCES)
    assert sharpness(photo, copy_patches(photo, TARGETS, REFERENCES), index) == pytest.approx(1)
    assert sharpness(photo, np.full_like(photo, 90), index) == 0


def test_colour_is_measured_on_the_moved_tokens_only(photo):
    index, pasted = moved(TARGETS, REFERENCES), copy_patches(photo, TARGETS, REFERENCES)
    assert colour(photo, pasted, index) == pytest.approx(0, abs=1e-4)
    tinted = pasted.copy()
    tinted[48:80, 48:80, 2] //= 2
    assert colour(photo, tinted, index) > 10
    tinted = pasted.copy()
    tinted[:32, :32, 2] //= 2
    assert colour(photo, tinted, index) == pytest.approx(0, abs=1e-4)
