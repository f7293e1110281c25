"""The kernel ``opposite_entity`` against a plain reference of the released rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records import grid
from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.fuse import mapping as fuse
from stages.tools.fuse import released
from stages.tools.fuse.mapping import FuseParams
from stages.tools.fuse.released import OppositeParams
from tests.stages.tools.conftest import box_mask, touching_sites

SHAPE = (10, 16)


def site_of(part, other):
    nothing = np.zeros_like(part)
    return Site(part, part | other, nothing, nothing, other)


def run(site, **numbers):
    params = FuseParams.model_validate({"opposite_entity": numbers})
    return fuse.opposite_entity(site, generator(0), params)


def apart(a, b):
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def reference_seeds(zone, count):
    middle = [sum(token[axis] for token in zone) / len(zone) for axis in (0, 1)]
    seeds = [min(zone, key=lambda at: (at[0] - middle[0]) ** 2 + (at[1] - middle[1]) ** 2)]
    while len(seeds) < min(count, len(zone)):
        seeds.append(max(zone, key=lambda at: min(apart(at, seed) for seed in seeds)))
    return seeds


def reference(site, band=2, count=5, reach=4):
    """Target to reference, token by token, without those that would keep themselves."""
    rows, columns = site.part.shape
    every = [(y, x) for y in range(rows) for x in range(columns)]
    a = [at for at in every if site.part[at] and not site.other[at]]
    b = [at for at in every if site.other[at] and not site.part[at]]
    shared = [at for at in every if site.part[at] and site.other[at]]
    both = sorted([*a, *b, *shared])
    zone = [at for at in both if any(apart(at, other) <= band for other in shared)]
    seeds = reference_seeds(zone, count)
    steps = range(-reach, reach + 1)
    moves = sorted(
        ((dy, dx) for dy in steps for dx in steps if 1 <= abs(dy) + abs(dx) <= reach),
        key=lambda move: (abs(move[0]) + abs(move[1]), move),
    )
    found = {}
    for number, seed in enumerate(seeds):
        nearest = [min(seeds, key=lambda other, at=at: apart(at, other)) for at in zone]
        cell = [at for at, owner in zip(zone, nearest, strict=True) if owner == seeds[number]]
        to_a, to_b = (min(apart(seed, at) for at in side) for side in (a, b))
        pool = b if to_a < to_b else a if to_b < to_a else sorted(a + b)
        free = [at for at in pool if at not in zone]

        def hits(move, cell=cell, free=free):
            return sum((y + move[0], x + move[1]) in free for y, x in cell)

        best = max(moves, key=hits)
        for y, x in cell:
            moved = (y + best[0], x + best[1])
            rest = min(free or pool, key=lambda at, y=y, x=x: apart(at, (y, x)))
            found[y, x] = moved if moved in free else rest
    return {target: source for target, source in found.items() if target != source}


@given(touching_sites(), st.integers(0, 3), st.integers(1, 7), st.integers(1, 5))
def test_opposite_entity_equals_the_reference(site, band, seeds, reach):
    if not (site.part & site.other).any():
        with pytest.raises(NoMapping, match="apart"):
            run(site, band=band, seeds=seeds, reach=reach)
        return
    pairs = run(site, band=band, seeds=seeds, reach=reach)
    columns = site.part.shape[1]
    found = {
        divmod(int(target), columns): divmod(int(source), columns)
        for target, source in zip(pairs.targets, pairs.references, strict=True)
    }
    assert found == reference(site, band, seeds, reach)


def test_one_cell_by_hand():
    """One row: A covers columns 0 to 8, B 6 to 14. The zone is 4 to 10 and has one cell, whose seed
    (7) is as near to A alone as to B alone: all take from either side, outside the zone."""
    site = site_of(box_mask((1, 16), 0, 0, 1, 9), box_mask((1, 16), 0, 6, 1, 15))
    pairs = run(site, seeds=1)
    assert pairs.targets.tolist() == [4, 5, 6, 7, 8, 9, 10]
    # Displacement -4 leads 4..7 to 0..3, the first with four hits; 8..10 take the nearest.
    assert pairs.references.tolist() == [0, 1, 2, 3, 11, 11, 11]


def test_cells_take_from_the_side_that_is_farther():
    site = site_of(box_mask(SHAPE, 0, 0, 10, 9), box_mask(SHAPE, 0, 6, 10, 15))
    pairs = run(site, seeds=40)
    sources = dict(zip(pairs.targets % 16, pairs.references % 16, strict=True))
    assert {column for column, source in sources.items() if source > 10} >= {4, 5}
    assert {column for column, source in sources.items() if source < 4} >= {9, 10}


def test_seeds_start_in_the_middle_and_spread():
    at = grid.points(np.ones((1, 21), dtype=bool))
    assert released.spread_out(at, 3)[:, 1].tolist() == [10, 0, 20]
    assert len(released.spread_out(at[:2], 9)) == 2


def test_offsets_are_shortest_first_then_row_by_row():
    found = released.order_offsets(2).tolist()
    assert found[:4] == [[-1, 0], [0, -1], [0, 1], [1, 0]]
    assert len(found) == 12 and found[4] == [-2, 0]


def test_references_keep_out_of_the_zone_unless_it_covers_a_side():
    site = site_of(box_mask(SHAPE, 0, 0, 10, 9), box_mask(SHAPE, 0, 6, 10, 15))
    zone = grid.dilate(site.part & site.other, 2)
    assert not zone.ravel()[run(site).references].any()
    narrow = site_of(box_mask(SHAPE, 0, 0, 10, 9), box_mask(SHAPE, 0, 5, 10, 10))
    assert grid.dilate(narrow.part & narrow.other, 2).ravel()[run(narrow).references].any()


@pytest.mark.parametrize(
    ("shared", "smaller", "allowed"),
    [(5, 100, False), (6, 100, True), (6, 9, True), (7, 10, False), (69, 100, True),
     (70, 100, False)],
)  # fmt: skip
def test_more_than_five_shared_and_containment_under_seven_tenths(shared, smaller, allowed):
    assert OppositeParams().allows(shared, smaller) == allowed


def test_what_cannot_be_fused():
    a, inner = box_mask(SHAPE, 0, 0, 5, 5), box_mask(SHAPE, 1, 1, 3, 3)
    with pytest.raises(NoMapping, match="apart"):
        run(site_of(a, box_mask(SHAPE, 0, 5, 5, 9)))
    with pytest.raises(NoMapping, match="nested"):
        run(site_of(a, inner))
