import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stages.explain import facts
from stages.records import masks
from stages.records.documents import Entity, Part, Scene, Window

SIDE = 64
WINDOW = Window(id="w0", box=(0, 0, SIDE, SIDE), size=(SIDE, SIDE), parts=[])


def block(x0, y0, x1, y1):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def part(name, mask, kind=None):
    kind = kind or name.split()[-1]
    box, rle = masks.bounding_box(mask), masks.encode(mask)
    return Part(id=f"e0.{name}", name=name, kind=kind, positional=False, score=1, box=box,
                mask=rle, tools=[])  # fmt: skip


def entity(mask, parts=(), name="person", number=0):
    return Entity(id=f"e{number}", name=name, score=1, box=masks.bounding_box(mask),
                  mask=masks.encode(mask), parts=list(parts))  # fmt: skip


def scene(*entities):
    return Scene(key="k", entities=list(entities), windows=[WINDOW], detector="test")


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 20, 20), "upper left"), ((40, 40, 60, 60), "lower right"),
        ((0, 20, 20, 44), "left"), ((20, 40, 44, 60), "lower"), ((24, 24, 40, 40), "middle"),
        ((4, 4, 60, 60), ""),
    ],
)  # fmt: skip
def test_place(box, words):
    assert facts.place(block(*box)) == words


@given(hnp.arrays(bool, st.tuples(st.integers(4, 30), st.integers(4, 30))))
def test_a_place_holds_nearly_all_of_the_mask(mask):
    if not mask.any():
        return
    height, width = mask.shape
    words = facts.place(mask).split()
    halves = {
        "upper": mask[: height // 2], "lower": mask[height - height // 2 :],
        "left": mask[:, : width // 2], "right": mask[:, width - width // 2 :],
        "middle": mask[height // 4 : height - height // 4, width // 4 : width - width // 4],
    }  # fmt: skip
    for word in words:
        assert halves[word].sum() >= facts.CLEAR * mask.sum()
    assert len(words) < 3


def test_sizes_and_extents_are_bands_in_order():
    shares = np.linspace(0, 1, 1001)
    sizes = list(dict.fromkeys(facts.size(share) for share in shares))
    extents = list(dict.fromkeys(facts.extent(share) for share in shares))
    assert sizes == ["tiny", "small", "", "large"]
    assert extents == ["piece", "", "half", "most"]


def test_the_viewers_side_is_beside_the_sibling():
    left, right = part("left eye", block(36, 4, 44, 10)), part("right eye", block(20, 4, 28, 10))
    face = entity(block(16, 0, 64, 64), [left, right])
    assert facts.viewer_side(left, face) == "right"
    assert facts.viewer_side(right, face) == "left"
    close = part("right eye", block(30, 4, 38, 10))
    assert facts.viewer_side(left, entity(block(0, 0, 64, 64), [left, close])) == ""


def test_the_viewers_side_of_an_only_one_is_the_entitys():
    hand, nose = part("left hand", block(40, 20, 50, 30)), part("nose", block(40, 4, 44, 8))
    assert facts.viewer_side(hand, entity(block(0, 0, 60, 60), [hand, nose])) == "right"
    assert facts.viewer_side(hand, entity(block(36, 0, 54, 60), [hand])) == ""
    assert facts.viewer_side(nose, entity(block(0, 0, 60, 60), [hand, nose])) == ""


def test_the_count_is_recorded_if_both_sides_were_found(variant):
    both = [part("left eye", block(36, 4, 44, 10)), part("right eye", block(20, 4, 28, 10))]
    person = entity(block(0, 0, 60, 60), both)
    for tool, number in (("add", 3), ("remove", 1), ("distort", None)):
        flaw = variant(tool=tool, part=both[0].id, targets=[0], references=[1])
        assert facts.find_facts(flaw, scene(person), block(0, 0, 4, 4)).get("count") == number
    assert not facts.is_one_of_two(both[0], entity(block(0, 0, 60, 60), both[:1]))


def removed(variant, references, **changes):
    return variant([0] * len(references), references, tool="remove", part="e0.nose",
                   part_name="nose", part_kind="nose", **changes)  # fmt: skip


def test_what_took_a_parts_place(variant):
    face = part("face", block(0, 0, 48, 48))
    nose = part("nose", block(16, 16, 32, 32))
    person = entity(block(0, 0, 64, 48), [part("torso", block(0, 0, 64, 48)), face, nose])
    dog = entity(block(0, 48, 32, 64), name="dog", number=1)
    shown = {
        name: facts.source(removed(variant, tokens), person, scene(person, dog), WINDOW)
        for name, tokens in {
            "face": [0, 1, 2], "torso": [3, 7], "dog": [12, 13], "floor": [14, 15],
            "mixed": [0, 12],
        }.items()
    }  # fmt: skip
    assert shown["face"] == {"source_kind": "part", "source": "face"}  # the smaller of the two
    assert shown["torso"] == {"source_kind": "part", "source": "torso"}
    assert shown["dog"] == {"source_kind": "other", "source": "dog"}
    assert shown["floor"] == {"source_kind": "surroundings"}
    assert shown["mixed"] == {}
    alone = entity(block(0, 0, 64, 48), [nose])
    assert facts.source(removed(variant, [0]), alone, scene(alone), WINDOW) == {
        "source_kind": "entity"
    }


def test_clear_facts_are_found(variant):
    nose = part("nose", block(8, 8, 16, 16))
    person = entity(block(0, 0, 32, 32), [nose, part("face", block(0, 0, 32, 32))])
    gone = removed(variant, [1], facts={"offset": [0, -1]})
    assert facts.find_facts(gone, scene(person), block(8, 8, 16, 16)) == {
        "place": "upper left", "size": "small", "source_kind": "part", "source": "face",
        "source_direction": "left",
    }  # fmt: skip
    bent = variant(tool="distort", part="e0.face", part_name="face", part_kind="face")
    found = facts.find_facts(bent, scene(person), block(0, 0, 32, 32))
    assert found == {"place": "upper left", "size": "large", "extent": "most"}
    apart = variant(tool="fuse", part="e0", part_name="person", other_name="dog")
    assert facts.find_facts(apart, scene(person), block(0, 0, 2, 2))["extent"] == "piece"


def test_counts_that_another_flaw_of_the_picture_makes_false_are_dropped(variant):
    """The left eye is doubled and the right one gone: the person does not have three eyes."""

    def make(number, tool, count, **changes):
        kind = {"part_kind": "eye", "facts": {"count": count, "place": "upper"}}
        return variant(id=f"v{number}", tool=tool, **{"picture": "p0", **kind, **changes})

    def counts(*variants):
        return ["count" in v.facts for v in facts.drop_shared_counts(variants)]

    doubled, gone = make(0, "add", 3), make(1, "remove", 1)
    assert counts(doubled, gone) == [False, False]
    assert facts.drop_shared_counts([doubled, gone])[0].facts == {"place": "upper"}
    assert counts(doubled, make(1, "remove", 1, picture="p1")) == [True, True]
    assert counts(doubled, make(1, "remove", 1, part_kind="ear")) == [True, True]
    assert counts(doubled, make(1, "remove", 1, entity="e1")) == [True, True]
    assert counts(doubled, make(1, "distort", 1)) == [True, False]
