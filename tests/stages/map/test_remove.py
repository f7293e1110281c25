import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.seeding import generator
from stages.map import grid, remove
from stages.map.pairs import NoMapping, Site
from stages.map.remove import RemoveParams
from tests.stages.map.conftest import box_mask, sites


@given(sites(), st.integers(0, 99))
def test_references_lie_around_the_part_and_never_in_it_or_its_siblings(site, seed):
    params = RemoveParams()
    pairs = remove.neighbours(site, generator(seed), params)
    assert pairs.targets.tolist() == grid.indices(site.part).tolist()
    assert not (site.part | site.siblings).ravel()[pairs.references].any()
    near = grid.dilate(site.part, pairs.facts["radius"]).ravel()
    assert near[pairs.references].all()
    assert pairs.facts["radius"] == params.radius


def test_the_radius_grows_when_siblings_wall_the_part_in():
    part = box_mask((15, 15), 6, 6, 8, 8)
    siblings = grid.ring(part, 4)
    nothing = np.zeros_like(part)
    pairs = remove.neighbours(Site(part, part, siblings, nothing), generator(0), RemoveParams())
    assert pairs.facts["radius"] == 5
    assert not siblings.ravel()[pairs.references].any()
    with pytest.raises(NoMapping, match="no_surroundings"):
        remove.neighbours(Site(part, part, ~part, nothing), generator(0), RemoveParams())


def test_draw_follows_one_over_distance_to_the_power():
    distances = np.tile([[1, 2, 3]], (40_000, 1))
    counts = np.bincount(remove.draw(distances, 2.0, generator(1)), minlength=3) / 40_000
    weights = np.array([1, 1 / 4, 1 / 9])
    assert counts == pytest.approx(weights / weights.sum(), abs=0.01)


def test_power_ten_takes_the_nearest_nearly_always():
    distances = np.tile([[2, 1, 2]], (10_000, 1))
    counts = np.bincount(remove.draw(distances, 10.0, generator(1)), minlength=3)
    assert counts[1] > 9_950
    assert counts[0] + counts[2] > 0


def test_a_far_target_still_finds_a_reference():
    assert remove.draw(np.array([[300, 400]]), 10.0, generator(0)).tolist() == [0]
