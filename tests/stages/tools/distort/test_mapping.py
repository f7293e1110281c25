import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.distort import mapping as distort
from stages.tools.distort.mapping import DistortParams
from tests.stages.tools.conftest import box_mask, sites

KERNELS = distort.ASPECT.kernels
SEEDS = st.integers(0, 99)


def run(kernel, site, seed, **numbers):
    return KERNELS[kernel](site, generator(seed), DistortParams(**numbers))


def block(height=6, width=8, side=24):
    part = box_mask((side, side), 8, 8, 8 + height, 8 + width)
    nothing = np.zeros_like(part)
    return Site(part, part, nothing, nothing, nothing)


@pytest.mark.parametrize("kernel", KERNELS)
@given(site=sites(), seed=SEEDS)
def test_targets_are_the_part(kernel, site, seed):
    try:
        pairs = run(kernel, site, seed)
    except NoMapping:
        assert kernel in ("strip", "gaussian_jitter", "stripped_shifting")
        return
    assert pairs.targets.tolist() == grid.indices(site.part).tolist()
    if kernel in ("strip", "permutation", "voronoi", "stripped_shifting"):
        assert site.part.ravel()[pairs.references].all()


@pytest.mark.parametrize("kernel", ["permutation", "strip"])
@given(site=sites(), seed=SEEDS)
def test_bijections_use_every_token_once(kernel, site, seed):
    try:
        pairs = run(kernel, site, seed)
    except NoMapping:
        assert kernel == "strip"
        return
    assert sorted(pairs.references.tolist()) == pairs.targets.tolist()


def test_jitter_steps_are_gaussian_and_clipped_inside_the_window():
    part = np.ones((64, 64), dtype=bool)
    site = Site(part, part, ~part, ~part, ~part)
    pairs = run("jitter", site, 0, jitter_sigma=2.0)
    steps = (pairs.references // 64 - pairs.targets // 64).reshape(64, 64)[16:48]
    assert steps.mean() == pytest.approx(0, abs=0.2)
    assert steps.std() == pytest.approx(2.02, abs=0.15)  # rounding adds 1/12 to the variance
    corner = Site(box_mask((4, 4), 0, 0, 2, 2), part[:4, :4], *[~part[:4, :4]] * 3)
    wild = run("jitter", corner, 0, jitter_sigma=50.0).references
    assert set(wild.tolist()) <= {0, 3, 12, 15}


def test_strips_roll_along_themselves():
    for seed in range(8):
        pairs = run("strip", block(), seed, strip_width=2)
        source, target = np.divmod(pairs.references, 24), np.divmod(pairs.targets, 24)
        lying = pairs.facts["strips"] == "lying"
        across, along = (0, 1) if lying else (1, 0)
        assert (source[across] == target[across]).all()
        for lane in range(8, 14 if lying else 16, 2):
            members = (target[across] >= lane) & (target[across] < lane + 2)
            length = 8 if lying else 6
            shifts = (source[along] - target[along])[members] % length
            assert len(set(shifts.tolist())) == 1
            assert shifts[0] != 0


def test_strips_come_both_ways():
    assert {run("strip", block(), seed).facts["strips"] for seed in range(12)} == {
        "lying",
        "standing",
    }


def test_a_part_too_thin_to_cut():
    with pytest.raises(NoMapping, match="too_thin"):
        run("strip", block(2, 2), 0, strip_width=4)


def test_swirl_turns_the_rim_by_the_angle_and_keeps_the_centre():
    part = np.hypot(*(np.indices((41, 41)) - 20)) <= 16
    site = Site(part, part, ~part, ~part, ~part)
    pairs = run("swirl", site, 3, swirl_angle=0.5)
    target = np.stack(np.divmod(pairs.targets, 41), 1) - 20
    source = np.stack(np.divmod(pairs.references, 41), 1) - 20
    turn = np.arctan2(source[:, 0], source[:, 1]) - np.arctan2(target[:, 0], target[:, 1])
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    radius = np.hypot(*target.T)
    sign = 1 if pairs.facts["sense"] == "anticlockwise" else -1
    assert turn[radius > 14].mean() * sign == pytest.approx(0.5 * 15.2 / 16.1, abs=0.05)
    middle = (radius > 7) & (radius < 9)
    assert turn[middle].mean() * sign == pytest.approx(0.25, abs=0.05)
    assert pairs.references[radius <= 1].tolist() == pairs.targets[radius <= 1].tolist()


@given(sites(), SEEDS)
def test_voronoi_references_are_the_nearest_seeds(site, seed):
    pairs = run("voronoi", site, seed)
    seeds = np.unique(pairs.references)
    assert len(seeds) == pairs.facts["seeds"] == max(2, round(0.15 * site.part.sum()))
    at = grid.points(site.part)
    columns = site.part.shape[1]
    chosen = np.stack(np.divmod(pairs.references, columns), 1)
    every = np.stack(np.divmod(seeds, columns), 1)
    assert np.linalg.norm(at - chosen, axis=1) == pytest.approx(cdist(at, every).min(axis=1))
    own = np.isin(pairs.targets, seeds)
    assert (pairs.references[own] == pairs.targets[own]).all()


def test_voronoi_needs_two_tokens():
    with pytest.raises(NoMapping, match="too_small"):
        run("voronoi", block(1, 1), 0)


@given(site=sites(), seed=SEEDS)
def test_shards_move_in_few_pieces_and_none_stays(site, seed):
    try:
        pairs = run("shards", site, seed)
    except NoMapping:
        return
    columns = site.part.shape[1]
    moves = np.stack(np.divmod(pairs.references, columns)) - np.divmod(pairs.targets, columns)
    rows, cols = np.divmod(pairs.references, columns)
    edge = (rows == 0) | (rows == len(site.part) - 1) | (cols == 0) | (cols == columns - 1)
    free = moves[:, ~edge]
    assert len(np.unique(free, axis=1).T) <= pairs.facts["pieces"]
    assert free.any(axis=0).all()
