import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.fuse import mapping as fuse
from stages.tools.fuse.mapping import FuseParams
from tests.stages.tools.conftest import box_mask, touching_sites

KERNELS = dict(fuse.ASPECT.kernels)
del KERNELS["opposite_entity"]  # test_released.py
SEEDS = st.integers(0, 99)
SHAPE = (10, 16)


def site_of(part, other):
    nothing = np.zeros_like(part)
    return Site(part, part | other, nothing, nothing, other)


@pytest.mark.parametrize("kernel", KERNELS)
@given(site=touching_sites(), seed=SEEDS)
def test_targets_lie_in_the_contact_grown_by_one_within_the_two(kernel, site, seed):
    pairs = KERNELS[kernel](site, generator(seed), FuseParams())
    near = grid.dilate(grid.contact(site.part, site.other), 1) & (site.part | site.other)
    assert near.ravel()[pairs.targets].all()
    assert (pairs.targets != pairs.references).all()
    assert (np.diff(pairs.targets) > 0).all()
    alone = site.part ^ site.other
    assert alone.ravel()[pairs.references].all()


@given(touching_sites(), SEEDS)
def test_exchange_swaps_sides_at_the_nearest_allowed_distance(site, seed):
    pairs = fuse.exchange(site, generator(seed), FuseParams())
    a, b = (site.part & ~site.other).ravel(), (site.other & ~site.part).ravel()
    at = np.stack(np.divmod(np.arange(a.size), SHAPE[1]), 1)
    for target, reference in zip(pairs.targets, pairs.references, strict=True):
        distances = grid.manhattan(at[[target]], at)[0]
        if a[target] or b[target]:
            pool = (b if a[target] else a) & (distances >= 2) & (distances <= 4)
        else:
            pool = a | b
        assert pool[reference]
        assert distances[reference] == distances[pool].min()


def test_a_token_without_a_partner_in_reach_stays():
    part, other = box_mask(SHAPE, 0, 0, 10, 8), box_mask(SHAPE, 0, 8, 10, 9)
    pairs = fuse.exchange(site_of(part, other), generator(0), FuseParams(near=2, far=2))
    # Two columns from the edge the only token of `other` at distance 2 is straight across.
    assert set((pairs.references // 16 - pairs.targets // 16).tolist()) <= {-1, 0, 1}
    assert 6 not in (pairs.targets % 16)[pairs.references % 16 != 8]
    with pytest.raises(NoMapping, match="no_partner"):
        fuse.exchange(site_of(part, other), generator(0), FuseParams(near=30, far=40))


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_cannot_be_fused(kernel):
    a, far, inner = (
        box_mask(SHAPE, 0, 0, 5, 5),
        box_mask(SHAPE, 0, 7, 5, 9),
        box_mask(SHAPE, 1, 1, 3, 3),
    )
    run = KERNELS[kernel]
    with pytest.raises(NoMapping, match="apart"):
        run(site_of(a, far), generator(0), FuseParams())
    with pytest.raises(NoMapping, match="nested"):
        run(site_of(a, inner), generator(0), FuseParams())


def test_farthest_points_spread():
    at = grid.points(np.ones((1, 21), dtype=bool))
    for seed in range(5):
        chosen = fuse.farthest_points(at, 3, generator(seed))
        assert len(np.unique(chosen, axis=0)) == 3
        assert {0, 20} & set(chosen[1:, 1].tolist())
        assert grid.manhattan(chosen, chosen)[np.triu_indices(3, 1)].min() >= 5
    assert len(fuse.farthest_points(at[:2], 9, generator(0))) == 2


def test_voronoi_cells_take_both_sides():
    site = site_of(box_mask(SHAPE, 0, 0, 10, 9), box_mask(SHAPE, 0, 7, 10, 16))
    pairs = fuse.voronoi(site, generator(0), FuseParams())
    assert 0.2 < pairs.facts["from_other_share"] < 0.8
    shared = grid.indices(site.part & site.other)
    assert np.isin(shared, pairs.targets).all()


@given(touching_sites(), SEEDS)
def test_merge_moves_each_cell_by_one_displacement_from_its_owner(site, seed):
    params = FuseParams(grow=2)
    pairs = fuse.merge(site, generator(seed), params)
    at = np.stack(np.divmod(np.stack([pairs.targets, pairs.references]), SHAPE[1]))
    moves = at[:, 1] - at[:, 0]
    assert len(np.unique(moves, axis=1).T) <= pairs.facts["seeds"]
    length = abs(moves).sum(axis=0)
    assert length.min() >= params.near and length.max() <= params.far
