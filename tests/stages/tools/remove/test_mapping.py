import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.remove import mapping as remove
from stages.tools.remove.mapping import RemoveParams
from tests.stages.tools.conftest import box_mask, sites


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
    pairs = remove.neighbours(
        Site(part, part, siblings, nothing, nothing), generator(0), RemoveParams()
    )
    assert pairs.facts["radius"] == 5
    assert not siblings.ravel()[pairs.references].any()
    with pytest.raises(NoMapping, match="no_surroundings"):
        remove.neighbours(Site(part, part, ~part, nothing, nothing), generator(0), RemoveParams())


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


@given(sites(), st.integers(0, 99))
def test_clone_moves_one_piece_of_free_surroundings_in(site, seed):
    try:
        pairs = remove.clone(site, generator(seed), RemoveParams())
    except NoMapping as reason:
        assert reason.code == "no_room"
        return
    assert pairs.targets.tolist() == grid.indices(site.part).tolist()
    taken = site.part | site.siblings | site.parts
    assert not taken.ravel()[pairs.references].any()
    columns = site.part.shape[1]
    moves = np.stack(np.divmod(pairs.references, columns)) - np.divmod(pairs.targets, columns)
    assert (moves == np.array(pairs.facts["offset"])[:, None]).all()


def test_clone_takes_from_the_entity_what_lies_inside_it_and_leaves_other_parts_alone():
    shape = (16, 16)
    entity, part = box_mask(shape, 0, 0, 16, 10), box_mask(shape, 6, 6, 9, 9)
    nothing = np.zeros(shape, dtype=bool)
    eye = box_mask(shape, 2, 5, 6, 10)
    for seed in range(20):
        site = Site(part, entity, nothing, eye, nothing)
        pairs = remove.clone(site, generator(seed), RemoveParams())
        assert pairs.facts["from_entity_share"] > 0.7
        assert not eye.ravel()[pairs.references].any()


def test_clone_needs_room_for_the_whole_part():
    part = box_mask((6, 6), 1, 1, 5, 5)
    nothing = np.zeros_like(part)
    with pytest.raises(NoMapping, match="no_room"):
        remove.clone(Site(part, part, nothing, nothing, nothing), generator(0), RemoveParams())


def test_clone_does_not_move_a_highlight_over_the_part():
    shape = (16, 16)
    part, everything = box_mask(shape, 6, 6, 9, 9), np.ones(shape, dtype=bool)
    nothing = ~everything
    highlight = box_mask(shape, 2, 5, 5, 10)
    colours = np.where(highlight[..., None], [90.0, 0, 0], [50.0, 0, 0]).astype(np.float32)

    def moved_highlights(colours):
        site = Site(part, everything, nothing, nothing, nothing, colours=colours)
        drawn = [remove.clone(site, generator(seed), RemoveParams()) for seed in range(40)]
        return sum(highlight.ravel()[pairs.references].any() for pairs in drawn)

    assert moved_highlights(colours) < 4 < moved_highlights(None)
