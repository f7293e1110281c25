"""The kernel ``argmax`` against a plain reference of the released rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records.seeding import generator
from stages.tools.add import mapping as add
from stages.tools.add import released
from stages.tools.add.mapping import AddParams
from stages.tools.aspects.mapping import NoMapping, Site
from tests.stages.tools.conftest import box_mask, sites

SHAPE = (12, 12)
NONE = np.zeros(SHAPE, dtype=bool)


def reference(site, width=2, min_kept=0.5, weight=0.05):
    """Row and column of the best displacement, token by token; None if there is no candidate."""
    rows, columns = site.part.shape
    part = {(y, x) for y in range(rows) for x in range(columns) if site.part[y, x]}
    rest = {(y, x) for y in range(rows) for x in range(columns) if site.entity[y, x]} - part
    top, left = min(y for y, _ in part), min(x for _, x in part)
    bottom, right = max(y for y, _ in part), max(x for _, x in part)
    cy, cx = (top + bottom + 1) // 2, (left + right + 1) // 2

    def is_outer(y, x):
        return any(
            (y + dy, x + dx) not in part and 0 <= y + dy < rows and 0 <= x + dx < columns
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        )

    outline = sorted(token for token in part if is_outer(*token))
    best, highest = None, 0.0
    for y in range(rows):
        for x in range(columns):
            if (y, x) in part or not outline:
                continue
            ny, nx = min(outline, key=lambda at: abs(at[0] - y) + abs(at[1] - x))
            out = abs(y - cy) + abs(x - cx) - abs(ny - cy) - abs(nx - cx)
            if not 1 <= out <= width:
                continue
            copy = [(py + y - cy, px + x - cx) for py, px in part]
            copy = [(py, px) for py, px in copy if 0 <= py < rows and 0 <= px < columns]
            on_entity = sum(token in rest for token in copy)
            if len(copy) < min_kept * len(part) or not on_entity:
                continue
            on_sibling = [
                sum(bool(each[t]) for t in copy) / len(copy) for each in site.each_sibling
            ]
            found = 3 - sum(token in part for token in copy) / len(copy)
            found -= max(on_sibling, default=0) / len(copy) + on_entity / len(rest)
            found /= 1 + weight * (abs(y - cy) + abs(x - cx))
            if found > highest + 1e-12:
                best, highest = (y - cy, x - cx), found
    return best


@given(sites(), st.integers(1, 3), st.sampled_from([0.0, 0.05, 0.5]), st.sampled_from([0.5, 1.0]))
def test_argmax_equals_the_reference(site, width, weight, kept):
    numbers = {"ring_width": width, "distance_weight": weight, "min_kept": kept}
    params = AddParams.model_validate({"argmax": numbers})
    expected = reference(site, width, kept, weight)
    if expected is None:
        with pytest.raises(NoMapping, match="no_room"):
            add.argmax(site, generator(0), params)
        return
    pairs = add.argmax(site, generator(0), params)
    assert tuple(pairs.facts["offset"]) == expected
    columns = site.part.shape[1]
    assert (pairs.targets - pairs.references == expected[0] * columns + expected[1]).all()
    assert site.part.ravel()[pairs.references].all()


def test_the_ring_by_hand():
    """A block of 2 x 2 tokens, whose centre is its lower right token: + is the ring of width 1."""
    part = box_mask((6, 6), 2, 2, 4, 4)
    picture = np.full((6, 6), ".")
    picture[part] = "#"
    picture[tuple((released.ring_offsets(part, 1) + released.find_centre(part)).T)] = "+"
    assert ["".join(row) for row in picture] == [
        "......",
        "..++..",
        ".+##+.",
        ".+##+.",
        "..++..",
        "......",
    ]


def test_the_score_by_hand():
    """Half of the copy lies on the part, half on one sibling; it covers a fifth of the rest."""
    part, sibling = box_mask(SHAPE, 4, 4, 6, 6), box_mask(SHAPE, 4, 6, 6, 7)
    site = Site(
        part, part | box_mask(SHAPE, 4, 6, 6, 11), sibling, NONE, NONE,
        each_sibling=(sibling, box_mask(SHAPE, 5, 6, 6, 7)),
    )  # fmt: skip
    targets = np.array([4 * 12 + 5, 4 * 12 + 6, 5 * 12 + 5, 5 * 12 + 6])
    found = released.score(site, targets, np.array([0, 1]), 0.05)
    assert found == pytest.approx((3 - 0.5 - 0.5 - 0.2) / 1.05)
    assert released.score(site, targets - 4, np.array([0, -3]), 0.05) == 0  # off the entity


def test_the_copy_goes_where_the_entity_is_touched_least():
    # The rest of the entity is one row below the part, of which one token sticks out on the left.
    part = box_mask(SHAPE, 5, 5, 7, 7)
    site = Site(part, part | box_mask(SHAPE, 7, 3, 8, 7), NONE, NONE, NONE)
    pairs = add.argmax(site, generator(0), AddParams())
    assert pairs.facts["offset"] == list(reference(site))
    rest = (site.entity & ~part).ravel()
    assert rest[pairs.targets].sum() == 1


def test_no_entity_around_the_part_means_no_copy():
    part = box_mask(SHAPE, 5, 5, 7, 7)
    with pytest.raises(NoMapping, match="no_room"):
        add.argmax(Site(part, part, NONE, NONE, NONE), generator(0), AddParams())


def test_each_number_moves_the_copy():
    part = box_mask(SHAPE, 5, 5, 8, 8)
    site = Site(part, part | box_mask(SHAPE, 8, 0, 12, 12), NONE, NONE, NONE)

    def offset(**numbers):
        params = AddParams.model_validate({"argmax": numbers})
        return add.argmax(site, generator(0), params).facts["offset"]

    assert offset(distance_weight=5.0) != offset(distance_weight=0.0)
    assert offset(distance_weight=0.0, ring_width=1) != offset(distance_weight=0.0, ring_width=4)
