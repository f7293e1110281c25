import numpy as np
import pytest

from benchmarks.quality import nulls
from benchmarks.quality.cases import Sides
from benchmarks.quality.nulls import Site
from tests.benchmarks.quality.test_intended import SITES, make_variant


@pytest.fixture
def pictures():
    return np.random.default_rng(3).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("null", nulls.NULLS)
@pytest.mark.parametrize("tool", SITES)
def test_null_pictures_change_only_the_targets(null, tool, pictures):
    mapping, sides = SITES[tool]
    site = Site(mapping, sides, *pictures)
    made = [nulls.NULLS[null](site, np.random.default_rng(seed)) for seed in range(6)]
    assert all((picture[~site.zone] == site.window[~site.zone]).all() for picture in made)
    assert any((picture[site.zone] != site.window[site.zone]).any() for picture in made)


def test_zone_is_the_pixels_of_the_targets(pictures):
    site = Site(make_variant("add", [7], [0]), None, *pictures)
    expected = np.zeros((96, 96), dtype=bool)
    expected[16:32, 16:32] = True
    np.testing.assert_array_equal(site.zone, expected)


def test_shuffle_keeps_patches_on_their_side(pictures):
    sides = Sides(part=[14, 20], other=[15, 21])
    site = Site(make_variant("fuse", [14, 20, 15, 21], [15, 21, 14, 20]), sides, *pictures)
    for seed in range(5):
        made = nulls.shuffle(site, np.random.default_rng(seed))
        for column in (slice(32, 48), slice(48, 64)):
            assert np.sort(made[32:64, column].ravel()).tolist() == (
                np.sort(site.window[32:64, column].ravel()).tolist()
            )


def test_fill_from_elsewhere_avoids_the_references(pictures):
    site = Site(make_variant("add", [0], [35]), None, *pictures)
    made = nulls.fill_from_elsewhere(site, np.random.default_rng(0))
    assert (made[:16, :16] != site.window[80:, 80:]).any()
