"""The kernel ``closest`` against a plain reference of the released rule."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.records.seeding import generator
from stages.tools.aspects.mapping import NoMapping, Site
from stages.tools.remove import mapping as remove
from stages.tools.remove.mapping import RemoveParams
from tests.stages.tools.conftest import box_mask, sites


def reference(site, width=1, share=0.5):
    """Reference (row, column) of each token of the part, row by row; None if there is none."""
    rows, columns = site.part.shape
    every = [(y, x) for y in range(rows) for x in range(columns)]
    part = [at for at in every if site.part[at]]
    ring = [
        (y, x)
        for y, x in every
        if not site.part[y, x] and any(max(abs(y - v), abs(x - u)) <= width for v, u in part)
    ]
    pool = [at for at in ring if not site.siblings[at]]
    masks = (site.entity, *site.namesakes)
    background = [at for at in ring if not any(mask[at] for mask in masks)]
    if len(background) > share * len(pool):
        pool = background
    if not pool:
        return None
    return [min(pool, key=lambda at: abs(at[0] - y) + abs(at[1] - x)) for y, x in part]


def closest(site, **numbers):
    params = RemoveParams.model_validate({"closest": numbers})
    return remove.closest(site, generator(0), params)


@given(sites(), st.integers(1, 3), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.booleans())
def test_closest_equals_the_reference(site, width, share, crowded):
    if crowded:
        other = np.roll(site.entity, 5, axis=1)
        site = dataclasses.replace(site, namesakes=(other,))
    expected = reference(site, width, share)
    if expected is None:
        with pytest.raises(NoMapping, match="no_surroundings"):
            closest(site, ring_width=width, background_share=share)
        return
    pairs = closest(site, ring_width=width, background_share=share)
    columns = site.part.shape[1]
    assert [divmod(int(token), columns) for token in pairs.references] == expected
    assert pairs.targets.tolist() == np.flatnonzero(site.part).tolist()


def site_with_entity(*boxes, sibling=None):
    """One token in a grid of 5 x 5 (its ring has 8 tokens), and an entity made of boxes."""
    part, nothing = box_mask((5, 5), 2, 2, 3, 3), np.zeros((5, 5), dtype=bool)
    entity = part.copy()
    for box in boxes:
        entity |= box_mask((5, 5), *box)
    return Site(part, entity, nothing if sibling is None else sibling, nothing, nothing)


def test_background_is_taken_if_it_is_over_half_of_the_ring():
    # The entity is the row above and the token to the left: 4 of 8 are left, half and not more.
    half = site_with_entity((1, 1, 2, 4), (2, 1, 3, 2))
    assert closest(half).references.tolist() == [1 * 5 + 2]  # the nearest of all: above, in it
    # Without that token 5 of 8 are background.
    more = site_with_entity((1, 1, 2, 4))
    assert closest(more).references.tolist() == [2 * 5 + 1]  # the nearest background: left
    assert closest(more, background_share=0.7).references.tolist() == [1 * 5 + 2]


def test_siblings_are_taken_out_before_the_half_is_counted():
    sibling = box_mask((5, 5), 1, 1, 2, 4)
    site = site_with_entity((1, 1, 2, 4), (2, 1, 3, 2), sibling=sibling)
    # 5 are no sibling; 4 of these are background, which is more than half.
    assert closest(site).references.tolist() == [2 * 5 + 3]


def test_the_ring_has_corners():
    part = box_mask((3, 3), 1, 1, 2, 2)
    straight = box_mask((3, 3), 0, 1, 3, 2) | box_mask((3, 3), 1, 0, 2, 3)
    nothing = np.zeros((3, 3), dtype=bool)
    site = Site(part, straight, straight & ~part, nothing, nothing)
    assert closest(site).references.tolist() == [0]


def test_a_part_walled_in_by_siblings_stays():
    part = box_mask((5, 5), 2, 2, 3, 3)
    nothing = np.zeros_like(part)
    with pytest.raises(NoMapping, match="no_surroundings"):
        closest(Site(part, ~nothing, ~part, nothing, nothing))
