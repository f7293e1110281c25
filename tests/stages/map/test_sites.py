from collections import Counter

import pytest

from stages.map.sites import Atlas, Limits, find_options
from stages.records.documents import Window
from stages.tools.aspects.mapping import Pairing
from stages.tools.fuse.released import OppositeParams
from tests.stages.map.conftest import ALL, make_entity, make_part, make_scene

LIMITS = Limits(min_tokens=6, max_share=0.4, min_inside=0.9, entities=())
HAND = (128, 224, 192, 272)


def found(scene, limits=LIMITS):
    reasons = Counter()
    listed = find_options(Atlas(scene), limits, reasons)
    rows = {(o.tool, o.part.id, o.other.id if o.other else None) for o in listed}
    assert len(rows) == len(listed)
    return rows, reasons


def scene_of(*parts, windows=None):
    return make_scene([make_entity("person", (96, 16, 288, 368), list(parts))], windows=windows)


def test_each_part_offers_its_tools_and_touching_parts_can_fuse(person_scene):
    rows, reasons = found(person_scene)
    hands = {(tool, f"e0.p{n}", None) for tool in ("add", "remove", "distort") for n in (1, 2)}
    assert rows == hands | {("distort", "e0.p0", None), ("fuse", "e0.p1", "e0.p2")}
    assert not reasons


def test_positional_parts_are_for_distort_and_fuse_only():
    left = make_part("left part", HAND, ALL, positional=True)
    right = make_part("right part", (192, 224, 256, 272), ALL, number=1, positional=True)
    rows, _ = found(scene_of(left, right))
    assert {tool for tool, _, _ in rows} == {"distort", "fuse"}


@pytest.mark.parametrize(
    ("box", "reason"),
    [((128, 224, 144, 304), "too_small"), ((0, 0, 384, 160), "too_large")],
)
def test_sizes(box, reason):
    rows, reasons = found(scene_of(make_part("hand", box, ["add"])))
    assert not rows
    assert reasons == {reason: 1}


def test_a_part_cut_off_by_its_window():
    windows = [Window(id="w0", box=(0, 0, 176, 176), size=(384, 384), parts=["e0.p0"])]
    part = make_part("hand", (96, 96, 208, 176), ["distort"])
    rows, reasons = found(scene_of(part, windows=windows))
    assert not rows
    assert reasons == {"cut_off": 1}


def test_a_part_no_window_was_chosen_for():
    windows = [Window(id="w0", box=(0, 0, 384, 384), size=(384, 384), parts=[])]
    rows, reasons = found(scene_of(make_part("hand", HAND, ["add"]), windows=windows))
    assert not rows
    assert reasons == {"no_window": 1}


def test_the_window_that_shows_the_part_largest():
    windows = [
        Window(id="w0", box=(0, 0, 384, 384), size=(384, 384), parts=["e0.p0"]),
        Window(id="w1", box=(96, 192, 288, 384), size=(384, 384), parts=["e0.p0"]),
        Window(id="w2", box=(120, 200, 216, 296), size=(384, 384), parts=[]),
    ]
    scene = scene_of(make_part("hand", HAND, ["add"]), windows=windows)
    (option,) = find_options(Atlas(scene), LIMITS, Counter())
    assert option.window.id == "w1"


def test_two_instances_that_touch_fuse_as_wholes():
    scene = make_scene(
        [
            make_entity("person", (32, 32, 160, 320), []),
            make_entity("dog", (160, 96, 320, 320), [], 1),
            make_entity("kite", (352, 0, 384, 32), [], 2),
        ]
    )
    (option,) = find_options(Atlas(scene), LIMITS, Counter())
    assert (option.tool, option.part.id, option.within_entity) == ("fuse", "e0", False)
    assert option.other is not None
    assert option.other.name == "dog"


def test_a_part_inside_another_is_not_fused_with_it():
    face = make_part("face", (96, 96, 192, 208), ["fuse"])
    eye = make_part("left eye", (112, 112, 160, 144), ["fuse"], number=1)
    rows, _ = found(scene_of(face, eye))
    assert not rows


def test_only_entities_asked_for(person_scene):
    limits = Limits(6, 0.4, 0.9, ("dog",))
    assert found(person_scene, limits)[0] == set()
    assert found(person_scene, Limits(6, 0.4, 0.9, ("person",)))[0]


def test_siblings_are_other_parts_of_the_kind(person_scene):
    atlas = Atlas(person_scene)
    option = next(o for o in find_options(atlas, LIMITS, Counter()) if o.part.id == "e0.p1")
    site = atlas.site(option)
    window = option.window
    assert (site.siblings == atlas.tokens("e0.p2", window)).all()
    assert (site.part == atlas.tokens("e0.p1", window)).all()
    assert (site.entity >= site.part).all()
    assert not site.other.any()
    assert len(site.each_sibling) == 1
    assert (site.each_sibling[0] == site.siblings).all()


def test_namesakes_are_the_other_entities_of_the_name():
    scene = make_scene(
        [
            make_entity("dog", (32, 32, 160, 160), [make_part("ear", (48, 48, 112, 112), ["add"])]),
            make_entity("dog", (192, 32, 320, 160), [], 1),
            make_entity("cat", (192, 192, 320, 320), [], 2),
        ]
    )
    atlas = Atlas(scene)
    (option,) = find_options(atlas, LIMITS, Counter())
    site = atlas.site(option)
    assert [mask.sum() for mask in site.namesakes] == [64]
    other = atlas.tokens("e1", option.window)
    assert (site.foreground == (site.entity | other)).all()
    assert not (site.foreground & atlas.tokens("e2", option.window)).any()


def two_entities(overlap):
    """A person of 8 x 18 tokens and a dog of 10 x 14; both cover `overlap` columns of 14 rows."""
    left = 160 - 16 * overlap
    return [
        make_entity("person", (32, 32, 160, 320), []),
        make_entity("dog", (left, 96, left + 160, 320), [], 1),
    ]


def pairings_of(entities):
    """The pairings, ours and the released one, that any option of a scene fulfils."""
    limits = Limits(6, 0.4, 0.9, (), {"fuse": (Pairing(), OppositeParams())})
    options = find_options(Atlas(make_scene(entities)), limits, Counter())
    return [type(option.pairing) for option in options]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (0, [Pairing]),  # they share edges only
        (1, [Pairing, OppositeParams]),
        (6, [OppositeParams]),  # 84 of the dog's 140 tokens, and of the person's 144
        (7, []),  # 98 of 140 tokens: 0.7 is too many
    ],
)
def test_each_pairing_has_its_own_options(overlap, expected):
    assert pairings_of(two_entities(overlap)) == expected


def test_the_released_pairing_takes_no_two_parts_of_one_entity():
    hands = [make_part("left hand", (128, 224, 208, 272), ["fuse"], number=1),
             make_part("right hand", (176, 224, 256, 272), ["fuse"], number=2)]  # fmt: skip
    assert pairings_of([make_entity("person", (96, 16, 288, 368), hands)]) == [Pairing]
