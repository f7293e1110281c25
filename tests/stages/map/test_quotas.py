import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.map.quotas import Candidate, Quotas, select

TOOLS = ("add", "remove", "distort", "fuse")


def candidate(key, variant, tool="distort", entity="person", part="hand", positional=False):
    return Candidate(key, variant, tool, entity, part, positional)


def round_up(value):
    return math.ceil(value - 1e-9)


def of_tools(**counts):
    """Return variants with the numbers of tools given, each of a photo of its own."""
    tools = [tool for tool, count in counts.items() for _ in range(count)]
    return [candidate(f"{n:04x}", "v0", tool) for n, tool in enumerate(tools)]


def kept_tools(candidates, selection):
    return Counter(c.tool for c in candidates if c not in selection.left_out)


blocks = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(TOOLS),
        st.sampled_from(["person", "object", "cat"]),
        st.sampled_from([("hand", False), ("eye", False), ("part", True)]),
    ),
    max_size=40,
).map(
    lambda drawn: [
        candidate(f"{photo}", f"v{n}", tool, entity, *part)
        for n, (photo, tool, entity, part) in enumerate(drawn)
    ]
)
shares = st.floats(0.1, 1.0)
quotas = st.builds(
    Quotas,
    tool=shares | st.dictionaries(st.sampled_from(TOOLS), shares, min_size=1),
    entity=shares,
    part=shares | st.dictionaries(st.sampled_from(["hand", "eye", "part"]), shares, min_size=1),
    min_kept=shares,
)


@given(blocks, quotas)
def test_shares_hold_or_the_minimum_is_kept(candidates, limits):
    selection = select(candidates, limits, seed=0)
    kept = [c for c in candidates if c not in selection.left_out]
    minimum = round_up(limits.min_kept * len(candidates))
    assert selection.kept == len(kept) >= minimum
    counts = Counter(group for c in kept for group in c.groups)
    bounds = limits.limits({group for c in candidates for group in c.groups})
    over = [g for g, bound in bounds.items() if counts[g] > round_up(bound * len(kept))]
    assert all(selection.counts[group] == counts[group] for group in bounds)
    assert not over or len(kept) == minimum


@given(blocks, quotas)
def test_nothing_that_could_be_kept_is_left_out(candidates, limits):
    limits = limits.model_copy(update={"min_kept": 1e-9})
    selection = select(candidates, limits, seed=0)
    bounds = limits.limits({group for c in candidates for group in c.groups})
    for left_out in selection.left_out:
        groups = [group for group in left_out.groups if group in bounds]
        after = selection.kept + 1
        assert any(selection.counts[g] + 1 > round_up(bounds[g] * after) for g in groups)


@given(st.data(), blocks, quotas)
def test_the_order_of_the_variants_does_not_matter(data, candidates, limits):
    shuffled = data.draw(st.permutations(candidates))
    first, second = (select(c, limits, seed=3).left_out for c in (candidates, shuffled))
    assert first == second


@given(st.dictionaries(st.sampled_from(TOOLS), st.integers(1, 30), min_size=1), shares)
def test_with_limits_of_one_kind_no_larger_selection_meets_them(counts, share):
    """The largest set of n variants has ceil(limit * n) of each tool, or all that there are."""
    candidates = of_tools(**counts)
    limits = Quotas(tool=share, min_kept=1e-9)
    found = select(candidates, limits, seed=0)
    bounds = limits.limits({group for c in candidates for group in c.groups})
    bound = [(count, bounds.get(("tool", tool), 1.0)) for tool, count in counts.items()]
    possible = max(
        n
        for n in range(len(candidates) + 1)
        if sum(min(count, round_up(limit * n)) for count, limit in bound) >= n
    )
    assert found.kept == possible


def test_the_largest_group_is_cut_first():
    candidates = of_tools(add=20, distort=50, fuse=30)
    selection = select(candidates, Quotas(tool=0.4), seed=0)
    assert kept_tools(candidates, selection) == {"add": 20, "distort": 34, "fuse": 30}
    assert set(selection.left_out.values()) == {("tool", "distort")}


def test_a_limit_for_one_value_leaves_the_others_alone():
    candidates = of_tools(add=2, distort=50, fuse=48)
    selection = select(candidates, Quotas(tool={"distort": 0.3}), seed=0)
    assert kept_tools(candidates, selection) == {"add": 2, "distort": 22, "fuse": 48}


def test_tools_that_cannot_meet_their_limits_share_equally():
    candidates = of_tools(distort=12, fuse=8)
    selection = select(candidates, Quotas(tool=0.4), seed=0)
    assert kept_tools(candidates, selection) == {"distort": 9, "fuse": 8}


@pytest.mark.parametrize("limit", [0.4, {"distort": 0.1}])
def test_a_lone_group_is_kept(limit):
    candidates = of_tools(distort=12)
    assert not select(candidates, Quotas(tool=limit), seed=0).left_out


def test_a_rare_group_does_not_empty_the_set():
    candidates = of_tools(add=1, distort=100, fuse=99)
    selection = select(candidates, Quotas(tool=0.4), seed=0)
    kept = kept_tools(candidates, selection)
    assert kept["add"] == 1 and sorted(kept.values()) == [1, 49, 50]


def test_photos_with_the_most_variants_are_thinned_out_first():
    of_one = [candidate("a", f"v{n}") for n in range(4)]
    of_others = [candidate(key, "v0") for key in "bcd"]
    others = of_tools(add=4)
    selection = select([*of_others, *of_one, *others], Quotas(tool=0.5), seed=0)
    assert len(selection.left_out) == 2 and set(selection.left_out) < set(of_one)


def test_parts_known_by_position_only_go_first():
    named = [candidate(f"{n}", "v0") for n in range(4)]
    positional = [candidate(f"{n}", "v1", part="part", positional=True) for n in range(4)]
    selection = select([*named, *positional, *of_tools(add=4)], Quotas(tool=0.5), seed=0)
    assert len(selection.left_out) == 3 and set(selection.left_out) < set(positional)


def test_the_last_variant_of_a_photo_goes_last():
    """Distort exceeds its limit by more, but only photos' last variants have it."""
    last = [candidate(f"{n}", "v0") for n in range(10)]
    spare = [candidate("s", f"v{n}", "fuse") for n in range(8)]
    selection = select([*last, *spare], Quotas(tool={"distort": 0.5, "fuse": 0.4}), seed=0)
    assert all(c in spare for c in list(selection.left_out)[:1])


def test_variants_in_several_groups_over_their_limits_go_first():
    both = [candidate(f"a{n}", "v0", "distort", "object") for n in range(6)]
    one = [candidate(f"b{n}", "v0", "distort", "person") for n in range(4)]
    rest = [candidate(f"c{n}", "v0", "add", "cat") for n in range(6)]
    selection = select([*both, *one, *rest], Quotas(tool=0.5, entity={"object": 0.3}), seed=0)
    assert set(selection.left_out) < set(both)


def test_seeds_choose_different_variants_of_equals():
    candidates = of_tools(add=10, distort=30)
    found = {tuple(sorted(select(candidates, Quotas(tool=0.5), s).left_out)) for s in range(4)}
    assert len(found) == 4
    assert {len(left_out) for left_out in found} == {19}


def test_blocks_are_balanced_on_their_own_and_so_is_their_union():
    blocks = [of_tools(add=5, distort=20, fuse=9), of_tools(remove=9, distort=7, fuse=30)]
    kept = [[c for c in b if c not in select(b, Quotas(tool=0.4), 0).left_out] for b in blocks]
    counts = sum((Counter(c.tool for c in block) for block in kept), Counter())
    assert max(counts.values()) <= 0.4 * counts.total() + len(blocks)


@pytest.mark.parametrize(
    "wrong",
    [{"tool": 0.0}, {"tool": 1.5}, {"tool": {"bend": 0.5}}, {"entity": {"cat": 0}}, {"size": 0.5}],
)
def test_wrong_quotas_are_errors(wrong):
    with pytest.raises(ValidationError):
        Quotas.model_validate(wrong)


def test_no_quotas_leave_everything():
    candidates = of_tools(distort=3, add=1)
    assert not select(candidates, Quotas(), seed=0).left_out
    assert not select([], Quotas(tool=0.1), seed=0).left_out
