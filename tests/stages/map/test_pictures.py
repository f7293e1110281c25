import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.map.pictures import find_gap, group_variants
from stages.records.documents import Scene, Window
from stages.records.masks import from_grid

WINDOW = Window(id="w0", box=(0, 0, 160, 160), size=(160, 160), parts=[])
ZOOMED = Window(id="w1", box=(40, 40, 120, 120), size=(160, 160), parts=[])
"""Tokens of 16 and of 8 px in the photo; both are grids of 10 x 10."""
SCENE = Scene(key="k", entities=[], windows=[WINDOW, ZOOMED], detector="test")


def token(row, column):
    return row * 10 + column


@pytest.fixture
def flaw(variant):
    """A flaw of some tokens, on a part of its own."""

    def make(number, *tokens, part=None, **changes):
        name = part or f"e0.p{number}"
        references = changes.pop("references", list(tokens))
        return variant(list(tokens), references, id=f"v{number}", part=name, **changes)

    return make


def pictures(variants, flaws=3, gap=2):
    return [v.picture for v in group_variants(variants, SCENE, flaws, gap)]


def test_with_one_flaw_per_picture_every_variant_has_the_picture_of_its_number(flaw):
    variants = [flaw(0, 0), flaw(1, 99), flaw(2, 50)]
    assert pictures(variants, flaws=1) == ["p0", "p1", "p2"] == [v.picture for v in variants]


def test_flaws_that_are_far_enough_apart_share_a_picture(flaw):
    variants = [
        flaw(0, token(0, 0)),
        flaw(1, token(0, 3)),  # two free tokens
        flaw(2, token(2, 0)),  # one free token
        flaw(3, token(2, 6)),
    ]
    assert pictures(variants, flaws=3) == ["p0", "p0", "p1", "p0"]
    assert pictures(variants, flaws=2) == ["p0", "p0", "p1", "p1"]
    assert pictures(variants, gap=3) == ["p0", "p1", "p2", "p0"]


def test_the_order_of_the_variants_stays(flaw):
    variants = [flaw(0, 0), flaw(1, 1), flaw(2, 99)]
    grouped = group_variants(variants, SCENE, 3, 2)
    assert [v.id for v in grouped] == ["v0", "v1", "v2"]
    assert [v.model_copy(update={"picture": "p"}) for v in grouped] == [
        v.model_copy(update={"picture": "p"}) for v in variants
    ]


def test_flaws_of_one_part_do_not_share_a_picture(flaw):
    pair = {"other": "e0.p0", "other_name": "neck", "tool": "fuse"}
    assert pictures([flaw(0, 0), flaw(1, 99, part="e0.p0")]) == ["p0", "p1"]
    assert pictures([flaw(0, 0), flaw(1, 99, **pair)]) == ["p0", "p1"]
    assert pictures([flaw(0, 0), flaw(1, 99)]) == ["p0", "p0"]


def test_no_flaw_changes_what_another_takes_its_appearance_from(flaw):
    """The original of a doubled part stays as it is, at whatever distance from its copy."""
    copy = flaw(0, token(0, 0), references=[token(5, 5)])
    original = flaw(1, token(5, 5))
    beside = flaw(2, token(5, 6))
    assert pictures([copy, original]) == pictures([original, copy]) == ["p0", "p1"]
    assert pictures([copy, beside]) == ["p0", "p0"]


def test_the_gap_between_windows_is_measured_in_the_larger_tokens():
    a = [token(0, 0)], WINDOW  # pixels 0 to 16
    b = [token(0, 0)], ZOOMED  # pixels 40 to 48
    assert find_gap(a, b) == find_gap(b, a) == 24 / 16
    assert find_gap(b, ([token(0, 3)], ZOOMED)) == 2
    assert find_gap(b, ([token(0, 1)], ZOOMED)) == 0
    assert find_gap(([token(2, 2)], WINDOW), b) < 0


tokens = st.lists(st.integers(0, 99), min_size=1, max_size=12, unique=True)
placed = st.lists(st.tuples(tokens, st.sampled_from(["w0", "w1"])), min_size=2, max_size=5)


@given(placed, st.integers(1, 3), st.integers(0, 4))
def test_grown_targets_of_a_picture_are_disjoint(placed, flaws, gap):
    from scipy.ndimage import distance_transform_cdt

    from stages.records.documents import Variant

    windows = {"w0": WINDOW, "w1": ZOOMED}
    variants = [
        Variant(
            id=f"v{n}", window=window, tool="distort", kernel="k", entity="e0", entity_name="e",
            part=f"e0.p{n}", part_name="p", part_kind="p", positional=False, seed=0,
            targets=targets, references=targets,
        )
        for n, (targets, window) in enumerate(placed)
    ]  # fmt: skip
    masks = {}
    for variant in variants:
        grid = np.zeros((10, 10), bool)
        grid.ravel()[variant.targets] = True
        masks[variant.id] = from_grid(grid, windows[variant.window].box, (160, 160))
    grouped = group_variants(variants, SCENE, flaws, gap)
    for a in grouped:
        inside = [b for b in grouped if b.picture == a.picture]
        assert len(inside) <= flaws
        side = 16 if a.window == "w0" else 8
        distance = distance_transform_cdt(~masks[a.id], metric="chessboard")
        for b in inside:
            if b.id != a.id:
                assert distance[masks[b.id]].min() > gap * side
