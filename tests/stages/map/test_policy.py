from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.map.params import MAPPINGS, MapParams
from stages.map.policy import plan, tickets
from stages.map.sites import Atlas
from stages.records.seeding import generator
from stages.records.source_index import source_index
from stages.tools import TOOLS
from tests.stages.map.conftest import ALL, make_entity, make_part, make_scene, noise


def crowd(key="0123456789abcdef"):
    """Four hands in two touching pairs, each big enough for every tool."""
    parts = [
        make_part(name, (x, y, x + 64, y + 64), ALL, number=number)
        for number, (name, x, y) in enumerate(
            [("left hand", 64, 64), ("right hand", 128, 64), ("left foot", 64, 256),
             ("right foot", 128, 256)]
        )
    ]  # fmt: skip
    return make_scene([make_entity("person", (48, 48, 208, 336), parts)], key)


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_variants_obey_the_limits(seed, wanted):
    params = MapParams(variants=wanted)
    variants, _ = plan(crowd(), params, seed)
    assert [v.id for v in variants] == [f"v{n}" for n in range(len(variants))]
    assert min(wanted, 6) <= len(variants) <= wanted  # four parts, two uses each, fuse takes two
    for variant in variants:
        source_index(variant, (24, 24))
        assert len(variant.targets) >= params.min_tokens
        assert variant.facts["share"] == round(len(variant.targets) / 576, 4) <= params.max_share
        assert variant.facts["moved_share"] >= params.min_moved_share
        assert (variant.tool == "fuse") == (variant.other is not None) == variant.within_entity
    assert max(Counter(v.tool for v in variants).values()) <= params.max_per_tool
    used = Counter(side for v in variants for side in (v.part, v.other) if side)
    assert max(used.values()) <= params.max_per_part
    assert len({(v.tool, v.part, v.kernel) for v in variants}) == len(variants)


def test_four_variants_are_four_tools_on_different_parts():
    for seed in range(10):
        variants, _ = plan(crowd(), MapParams(), seed)
        assert {v.tool for v in variants} == set(TOOLS)
        assert len({v.part for v in variants}) >= 3


def test_same_seed_same_plan_and_another_seed_or_photo_another():
    first = plan(crowd(), MapParams(), 0)[0]
    assert plan(crowd(), MapParams(), 0)[0] == first
    assert plan(crowd(), MapParams(), 1)[0] != first
    assert [v.targets for v in plan(crowd("f" * 16), MapParams(), 0)[0]] != [
        v.targets for v in first
    ]


def test_growing_k_keeps_the_first_variants():
    two = plan(crowd(), MapParams(variants=2), 5)[0]
    assert plan(crowd(), MapParams(variants=4), 5)[0][:2] == two


def test_the_recorded_seed_gives_the_mapping_back():
    scene = crowd()
    atlas = Atlas(scene)
    for variant in plan(scene, MapParams(), 3)[0]:
        if variant.tool == "fuse":
            continue
        from stages.map.sites import Limits, find_options

        option = next(
            o
            for o in find_options(atlas, Limits(6, 0.4, 0.9, ()), Counter())
            if (o.tool, o.part.id) == (variant.tool, variant.part)
        )
        rng = np.random.Generator(np.random.PCG64(variant.seed))
        mapping = MAPPINGS[variant.tool]
        pairs = mapping.kernels[variant.kernel](atlas.site(option), rng, mapping.params)
        assert pairs.references.tolist() == variant.references


def test_tools_switched_off_and_kernels_chosen():
    params = MapParams(weights={"distort": 1.0}, kernels={"distort": ("swirl",)}, max_per_tool=9)
    variants, _ = plan(crowd(), params, 0)
    assert {(v.tool, v.kernel) for v in variants} == {("distort", "swirl")}
    assert len(variants) == 4  # one for each part


def test_weights_sway_the_first_draw():
    params = MapParams(variants=1, weights={"add": 9.0, "distort": 1.0})
    tools = Counter(plan(crowd(), params, seed)[0][0].tool for seed in range(60))
    assert 42 <= tools["add"] <= 59
    assert tools["add"] + tools["distort"] == 60


@pytest.mark.parametrize(
    ("weights", "uses", "left"),
    [
        ([1, 1, 1], [0, 0, 0], [1, 1, 1]),
        ([1, 1, 1], [1, 0, 1], [0, 1, 0]),
        ([1, 1], [1, 1], [1, 1]),  # empty: refilled
        ([2, 1], [1, 1], [1, 0]),
        ([2, 1], [2, 1], [2, 1]),
        ([0.5, 1], [1, 0], [0, 1]),
        ([0.5, 1], [1, 1], [0, 1]),
    ],
)
def test_the_urn(weights, uses, left):
    assert tickets(np.array(weights, dtype=float), np.array(uses)).tolist() == left


@given(st.lists(st.floats(0.01, 9), min_size=1, max_size=4), st.data())
def test_the_urn_is_never_empty(weights, data):
    uses = data.draw(st.lists(st.integers(0, 60), min_size=len(weights), max_size=len(weights)))
    left = tickets(np.array(weights), np.array(uses))
    assert (left >= 0).all()
    assert left.max() > 0


def test_the_urn_rounds_well():
    assert tickets(np.array([0.1]), np.array([3])) == pytest.approx(0.1)


def test_a_heavier_tool_comes_oftener_in_a_photo():
    params = MapParams(weights={"add": 2.0, "remove": 2.0, "distort": 1.0, "fuse": 1.0})
    tools = Counter(v.tool for n in range(20) for v in plan(crowd(f"{n:016x}"), params, 0)[0])
    assert tools["add"] + tools["remove"] > 1.5 * (tools["distort"] + tools["fuse"])


def test_balance_over_photos():
    tools = Counter(
        plan(crowd(f"{n:016x}"), MapParams(variants=1), 0)[0][0].tool for n in range(60)
    )
    assert set(tools) == set(TOOLS)
    assert min(tools.values()) >= 6


def test_limits_of_a_photo_leave_a_shortfall():
    face = make_scene(
        [make_entity("person", (96, 16, 288, 368), [make_part("face", (128, 48, 224, 160), ALL)])]
    )
    variants, _ = plan(face, MapParams(max_per_part=2), 0)
    assert len(variants) == 2
    assert len(plan(face, MapParams(max_per_part=3), 0)[0]) == 3


@pytest.mark.parametrize("most", [1, 2])
def test_a_tool_has_its_quota(most):
    params = MapParams(variants=20, max_per_tool=most, max_per_part=20)
    tools = Counter(v.tool for v in plan(crowd(), params, 0)[0])
    assert tools == dict.fromkeys(TOOLS, most)


def test_an_impossible_mapping_falls_back_to_another_tool():
    # Three tokens wide, the swirl moves too few of them: the policy goes on to add or remove.
    part = make_part("left hand", (128, 224, 176, 272), ["add", "distort"])
    scene = make_scene([make_entity("person", (96, 16, 288, 368), [part])])
    params = MapParams(
        variants=1, kernels={"distort": ("swirl",)}, weights={"add": 1e-9, "distort": 1}
    )
    (variant,), reasons = plan(scene, params, 0)
    assert variant.tool == "add"
    assert variant.facts["passed_over"] == ["distort.swirl.too_still"]
    assert reasons == {"distort.swirl.too_still": 1}


def test_nothing_possible():
    variants, reasons = plan(
        make_scene([make_entity("cat", (0, 0, 64, 64), [make_part("ear", (0, 0, 16, 16), ALL)])]),
        MapParams(),
        0,
    )
    assert variants == []
    assert reasons == {"too_small": 1}


def test_two_instances_come_before_two_parts_of_one():
    people = [
        make_entity(
            "person",
            (x, 32, x + 160, 352),
            [
                make_part("left hand", (x + 16, 96, x + 64, 160), ["fuse"], f"e{n}", 0),
                make_part("right hand", (x + 64, 96, x + 112, 160), ["fuse"], f"e{n}", 1),
            ],
            n,
        )
        for n, x in enumerate((16, 176))
    ]
    for seed in range(5):
        # Room for more: still no two hands of one person, once two people were fused.
        params = MapParams(variants=8, max_per_tool=4, max_per_part=4)
        variants, _ = plan(make_scene(people), params, seed)
        assert [v.within_entity for v in variants] == [False] * 3
        assert {v.kernel for v in variants} == {"exchange", "voronoi", "merge"}
        assert {v.other_name for v in variants} == {"person"}
    apart = plan(make_scene(people[:1]), MapParams(), 0)[0]
    assert apart
    assert all(v.within_entity for v in apart)


@pytest.mark.parametrize("seed", range(5))
def test_named_parts_come_before_positional_ones(seed):
    named = [make_part("face", (64, 64, 144, 144), ["distort"], number=0)]
    positional = [
        make_part("upper part", (176, 64 + 96 * n, 256, 144 + 96 * n), ["distort"], number=n + 1,
                  positional=True)
        for n in range(2)
    ]  # fmt: skip
    scene = make_scene([make_entity("cat", (48, 48, 288, 336), named + positional)])
    first = Counter(
        plan(scene, MapParams(variants=1), 100 * seed + n)[0][0].part for n in range(60)
    )
    assert first["e0.p0"] > first["e0.p1"] + first["e0.p2"]


def test_policy_draws_from_a_generator_of_its_own():
    """The mapping does not hang on how often the policy drew before it."""
    scene = crowd()
    variant = plan(scene, MapParams(), 0)[0][0]
    names = (scene.key, "v0", variant.tool, variant.kernel, variant.part)
    names += (variant.other,) if variant.other else ()
    ours, recorded = generator(0, *names), np.random.Generator(np.random.PCG64(variant.seed))
    assert ours.random() == recorded.random()


def test_a_kernel_gets_only_the_pairs_it_can_take():
    """Two people share 60 % of the smaller one: too much for our kernels, not for the released."""
    people = [make_entity("person", (x, 32, x + 160, 352), [], n) for n, x in enumerate((32, 96))]
    for kernels, expected in [((), ["opposite_entity"]), (("merge",), [])]:
        params = MapParams(variants=8, kernels={"fuse": kernels} if kernels else {}, max_share=0.5)
        assert [v.kernel for v in plan(make_scene(people), params, 0)[0]] == expected
    hands, _ = plan(crowd(), MapParams(kernels={"fuse": ("opposite_entity",)}), 0)
    assert "fuse" not in {v.tool for v in hands}


def test_a_flaw_that_changes_no_colour_is_passed_over():
    photo = noise()
    photo[176:] = 128  # the feet
    params = MapParams(weights={"distort": 1.0}, variants=2, min_colour_change={"distort": 8})
    variants, _ = plan(crowd(), params, 0, photo)
    assert {v.part_name for v in variants} == {"left hand", "right hand"}
    assert all(v.facts["colour_change"] >= 8 for v in variants)
    without, _ = plan(crowd(), params, 0)  # colours are not known
    assert all("colour_change" not in v.facts for v in without)


def test_a_small_flaw_of_a_part_without_a_name_is_passed_over():
    parts = [
        make_part("left part", (64, 64, 128, 128), ["distort"], positional=True),
        make_part("right part", (128, 64, 256, 192), ["distort"], number=1, positional=True),
        make_part("left hand", (64, 256, 128, 320), ["distort"], number=2),
    ]
    scene = make_scene([make_entity("cat", (48, 48, 288, 336), parts)])
    params = MapParams(variants=3, max_per_tool=3, max_per_part=1, min_positional_tokens=32)
    variants, reasons = plan(scene, params, 0)
    assert {v.part_name for v in variants} == {"right part", "left hand"}
    assert any(code.endswith("too_few") for code in reasons)


def test_positional_weight_is_how_often_a_part_without_a_name_comes_first():
    parts = [
        make_part("left part", (64, 64, 128, 128), ["distort"], positional=True),
        make_part("left hand", (64, 256, 128, 320), ["distort"], number=1),
    ]

    def positional(weight):
        params = MapParams(variants=1, positional_weight=weight)
        scenes = [
            make_scene([make_entity("cat", (48, 48, 288, 336), parts)], f"{n:016x}")
            for n in range(60)
        ]
        return sum(plan(scene, params, 0)[0][0].positional for scene in scenes)

    assert positional(0.01) < 5 < 20 < positional(1.0) < 40
