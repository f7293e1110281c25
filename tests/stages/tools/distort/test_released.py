"""The kernels ``gaussian_jitter`` and ``stripped_shifting`` against the released rules."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.distort import mapping as distort
from stages.tools.distort import released
from stages.tools.distort.mapping import DistortParams
from stages.tools.distort.released import JitterParams
from tests.stages.tools.conftest import box_mask, sites

SEEDS = st.integers(0, 99)


def site_of(part, entity=None):
    nothing = np.zeros_like(part)
    return Site(part, part if entity is None else entity, nothing, nothing, nothing)


def run(kernel, site, seed=0, **numbers):
    params = DistortParams.model_validate({kernel: numbers})
    return distort.ASPECT.kernels[kernel](site, generator(seed), params)


@given(sites(), SEEDS, st.floats(0.3, 20))
def test_jitter_stays_in_the_entity(site, seed, sigma):
    try:
        pairs = run("gaussian_jitter", site, seed, sigma=sigma)
    except NoMapping:
        return
    assert site.entity.ravel()[pairs.references].all()
    assert pairs.targets.tolist() == grid.indices(site.part).tolist()


def test_jitter_may_end_in_another_entity_of_the_name():
    part = box_mask((9, 9), 4, 4, 5, 5)
    other = box_mask((9, 9), 4, 5, 5, 6)
    site = dataclasses.replace(site_of(part), namesakes=(other,))
    params = JitterParams()
    found = {tuple(released.jitter(site, generator(seed), params)[0]) for seed in range(40)}
    assert found == {(4, 4), (4, 5)}


def test_jitter_steps_are_gaussian_where_the_entity_is_wide():
    part = np.ones((64, 64), dtype=bool)
    pairs = run("gaussian_jitter", site_of(part), sigma=2.0)
    steps = (pairs.references // 64 - pairs.targets // 64).reshape(64, 64)[16:48]
    assert steps.mean() == pytest.approx(0, abs=0.2)
    assert steps.std() == pytest.approx(2.02, abs=0.15)  # rounding adds 1/12 to the variance


def test_a_token_stays_after_the_last_attempt():
    """Two lone tokens: the more attempts, the more often one reaches the other."""
    part = box_mask((41, 41), 20, 20, 21, 21) | box_mask((41, 41), 20, 22, 21, 23)

    def moved(attempts):
        params = JitterParams(attempts=attempts)
        runs = [released.jitter(site_of(part), generator(n), params) for n in range(60)]
        assert all(part[tuple(found.T)].all() for found in runs)
        return sum(int((found != grid.points(part)).any(axis=1).sum()) for found in runs)

    assert 0 < moved(1) < moved(10) < 120


def test_a_part_of_which_nothing_moves_is_no_flaw():
    part = box_mask((9, 9), 4, 4, 5, 5)
    for kernel in ("gaussian_jitter", "stripped_shifting"):
        with pytest.raises(NoMapping, match="too_still"):
            run(kernel, site_of(part))


def reference_strips(part, shifts, strips=6):
    """Sources (row, column) of the part's tokens, row by row, for shifts in tokens by strip."""
    tokens = [(int(y), int(x)) for y, x in np.argwhere(part)]
    low = [min(token[axis] for token in tokens) for axis in (0, 1)]
    size = [max(token[axis] for token in tokens) - low[axis] + 1 for axis in (0, 1)]
    axis = 1 if size[1] > size[0] else 0
    step, sources = size[axis] // strips, dict[tuple[int, int], tuple[int, int]]()
    for number in range(strips):
        start = low[axis] + number * step
        end = start + step if number < strips - 1 else low[axis] + size[axis]
        members = [token for token in tokens if start <= token[axis] < end]
        members.sort(key=lambda token: token[1])  # by column, also in horizontal strips
        for place, token in enumerate(members):
            sources[token] = members[(place + shifts[number]) % len(members)]
    return [sources[token] for token in tokens]


@given(sites(side=16), SEEDS, st.integers(1, 7))
def test_strips_equal_the_reference(site, seed, strips):
    try:
        pairs = run("stripped_shifting", site, seed, strips=strips)
    except NoMapping:
        return
    columns = site.part.shape[1]
    found = [divmod(int(token), columns) for token in pairs.references]
    pixels = [(n + 1) * (10 if n % 2 == 0 else -10) for n in range(strips)]
    order = generator(seed).permutation(strips)
    shifts = [pixels[n] // 16 for n in order]
    assert found == reference_strips(site.part, shifts, strips)
    assert sorted(pairs.references.tolist()) == pairs.targets.tolist()


def test_shifts_are_ten_pixels_more_each_and_rounded_down():
    """Six columns wide, each strip is one column: its rows roll by the strip's own shift."""
    part = box_mask((16, 16), 2, 2, 7, 8)  # 5 rows, 6 columns
    for seed in range(4):
        pairs = run("stripped_shifting", site_of(part), seed)
        assert pairs.facts["strips"] == "standing"
        rows, columns = np.divmod(pairs.references, 16)
        assert (columns == pairs.targets % 16).all()
        moves = {
            column: int((rows - pairs.targets // 16)[columns == column][0]) % 5
            for column in range(2, 8)
        }
        assert sorted(moves.values()) == sorted(shift % 5 for shift in (0, -2, 1, -3, 3, -4))


def test_horizontal_strips_are_ordered_by_column_too():
    """Strips of two rows: the order goes down each column, so an odd shift changes rows."""
    part = box_mask((16, 16), 1, 4, 13, 8)  # 12 rows, 4 columns
    pairs = run("stripped_shifting", site_of(part))
    assert pairs.facts["strips"] == "lying"
    rows = (pairs.references // 16 - pairs.targets // 16).reshape(6, 2, 4)
    assert {bool(strip.any()) for strip in rows} == {True, False}


def test_a_thin_part_is_one_strip():
    strip, axis = released.cut_into_strips(grid.points(box_mask((9, 9), 2, 2, 7, 5)), 6)
    assert (set(strip.tolist()), axis) == ({5}, 0)
    pairs = run("stripped_shifting", site_of(box_mask((9, 9), 2, 2, 7, 5)), 1)
    assert "strips" not in pairs.facts


def test_the_last_strip_takes_the_rest():
    strip, axis = released.cut_into_strips(grid.points(box_mask((9, 24), 2, 0, 4, 20)), 6)
    assert axis == 1
    assert np.bincount(strip).tolist() == [6, 6, 6, 6, 6, 10]
