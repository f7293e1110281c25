import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.add import mapping as add
from stages.tools.add.mapping import AddParams
from stages.tools.aspects.mapping import NoMapping, Site
from tests.stages.tools.conftest import box_mask, sites

SHAPE = (12, 12)
NONE = np.zeros(SHAPE, dtype=bool)


@given(sites(), st.integers(0, 99))
def test_the_copy_is_the_part_displaced(site, seed):
    params = AddParams()
    try:
        pairs = add.ring(site, generator(seed), params)
    except NoMapping:
        return
    columns = site.part.shape[1]
    dy, dx = pairs.facts["offset"]
    target, source = divmod(pairs.targets, columns), divmod(pairs.references, columns)
    assert (target[0] - source[0] == dy).all()
    assert (target[1] - source[1] == dx).all()
    assert site.part.ravel()[pairs.references].all()
    assert len(pairs.targets) >= params.min_kept * site.part.sum()
    assert add.hidden_share(site, pairs.targets) <= params.max_hidden
    assert grid.dilate(site.entity, 1).ravel()[pairs.targets].any()
    # Its centre lies in the ring around the part's own outline.
    centre = grid.anchor(site.part) + np.array([dy, dx])
    assert 1 <= grid.manhattan(centre[None], grid.points(site.part)).min() <= params.ring_width


def test_clipping_takes_targets_and_references_together():
    part = box_mask(SHAPE, 4, 0, 6, 4)
    targets, references = grid.displace(part, np.array([0, -2]))
    assert targets.tolist() == [48, 49, 60, 61]
    assert references.tolist() == [50, 51, 62, 63]


def test_score_by_hand():
    part, siblings = box_mask(SHAPE, 4, 4, 6, 6), box_mask(SHAPE, 4, 8, 6, 9)
    site = Site(part, part | siblings | box_mask(SHAPE, 6, 0, 12, 12), siblings, NONE, NONE)

    def score(dy, dx):
        offset = np.array([dy, dx])
        return add.score(site, grid.displace(part, offset)[0], offset, 0.1)

    assert score(-3, 0) == pytest.approx(3 / 1.3)
    assert score(0, 1) == pytest.approx((3 - 0.5) / 1.1)  # half of itself
    assert score(0, 3) == pytest.approx((3 - 0.5) / 1.3)  # half on the sibling
    assert score(3, 0) == pytest.approx((3 - 1.0) / 1.3)  # all on the rest of the entity
    assert score(-5, 0) == pytest.approx(0.5 * 3 / 1.5)  # half of it leaves the window


def test_probabilities_are_min_max_normalised():
    assert add.probabilities(np.array([1.0, 2.0, 4.0])).tolist() == [0.0, 0.25, 0.75]
    assert add.probabilities(np.array([2.0, 2.0])).tolist() == [0.5, 0.5]


def test_the_copy_keeps_off_siblings_and_part():
    part, siblings = box_mask(SHAPE, 5, 5, 7, 7), box_mask(SHAPE, 5, 8, 7, 10)
    site = Site(part, part | siblings, siblings, NONE, NONE)
    strict, lax = AddParams(), AddParams(max_hidden=1)
    hidden = [
        add.hidden_share(site, add.ring(site, generator(s), strict).targets) for s in range(40)
    ]
    without = [add.hidden_share(site, add.ring(site, generator(s), lax).targets) for s in range(40)]
    assert max(hidden) <= 0.2 < max(without)


def test_covering_the_entity_is_drawn_less_often():
    part = box_mask(SHAPE, 5, 5, 7, 7)
    below = box_mask(SHAPE, 7, 0, 12, 12)

    def downwards(entity):
        site = Site(part, entity, NONE, NONE, NONE)
        drawn = [add.ring(site, generator(s), AddParams()).facts["offset"] for s in range(120)]
        return sum(dy > 1 for dy, _ in drawn)

    assert downwards(part | below) < 0.7 * downwards(part)


def test_no_room():
    part = np.ones(SHAPE, dtype=bool)
    with pytest.raises(NoMapping, match="no_room"):
        add.ring(Site(part, part, NONE, NONE, NONE), generator(0), AddParams())


def test_the_copy_of_a_part_inside_the_entity_stays_inside():
    part, entity = box_mask(SHAPE, 5, 2, 7, 4), box_mask(SHAPE, 0, 0, 12, 5)
    site = Site(part, entity, NONE, NONE, NONE)

    def strays(params):
        drawn = [add.ring(site, generator(s), params) for s in range(40)]
        return sum(entity.ravel()[pairs.targets].mean() < 0.75 for pairs in drawn)

    assert strays(AddParams()) == 0 < strays(AddParams(max_stray=1))


def test_the_copy_is_placed_where_the_colours_go_on():
    part, entity = box_mask(SHAPE, 5, 5, 7, 7), np.ones(SHAPE, dtype=bool)
    dark = box_mask(SHAPE, 0, 0, 12, 5)
    colours = np.where(dark[..., None], [20.0, 0, 0], [60.0, 0, 0]).astype(np.float32)

    def copies_in_the_dark(colours):
        site = Site(part, entity, NONE, NONE, NONE, colours=colours)
        drawn = [add.ring(site, generator(s), AddParams()) for s in range(120)]
        return sum(dark.ravel()[pairs.targets].any() for pairs in drawn)

    assert copies_in_the_dark(colours) < 0.7 * copies_in_the_dark(None)
