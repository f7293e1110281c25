import numpy as np
import pytest

from benchmarks.quality import nulls
from benchmarks.quality.cases import Sides
from benchmarks.quality.nulls import Site
from tests.benchmarks.quality.test_intended import SITES, variant

ALL = (nulls.degraded, nulls.shuffled, nulls.elsewhere, nulls.foreign)


@pytest.fixture
def pictures():
    return np.random.default_rng(3).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)


@pytest.mark.parametrize("null", ALL)
@pytest.mark.parametrize("tool", SITES)
def test_something_changes_on_the_targets_only(null, tool, pictures):
    mapping, sides = SITES[tool]
    site = Site(mapping, sides, *pictures)
    made = [null(site, np.random.default_rng(seed)) for seed in range(6)]
    assert all((picture[~site.zone] == site.window[~site.zone]).all() for picture in made)
    assert any((picture[site.zone] != site.window[site.zone]).any() for picture in made)


def test_the_zone_is_the_targets_pixels(pictures):
    site = Site(variant("add", [7], [0]), None, *pictures)
    expected = np.zeros((96, 96), dtype=bool)
    expected[16:32, 16:32] = True
    np.testing.assert_array_equal(site.zone, expected)


def test_shuffled_sides_keep_to_themselves(pictures):
    """Each side's patches stay on its own side."""
    sides = Sides(part=[14, 20], other=[15, 21])
    site = Site(variant("fuse", [14, 20, 15, 21], [15, 21, 14, 20]), sides, *pictures)
    for seed in range(5):
        made = nulls.shuffled(site, np.random.default_rng(seed))
        for column in (slice(32, 48), slice(48, 64)):
            assert np.sort(made[32:64, column].ravel()).tolist() == (
                np.sort(site.window[32:64, column].ravel()).tolist()
            )


def test_elsewhere_keeps_away_from_the_references(pictures):
    site = Site(variant("add", [0], [35]), None, *pictures)
    made = nulls.elsewhere(site, np.random.default_rng(0))
    assert (made[:16, :16] != site.window[80:, 80:]).any()
