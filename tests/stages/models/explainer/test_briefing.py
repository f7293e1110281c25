import pytest

from stages.models.explainer import briefing, checks


def test_the_intent_says_what_and_where(dog_variant):
    assert briefing.intent(dog_variant()) == (
        "an extra copy of the left ear of the dog was put below the original."
    )
    assert "close to the original" in briefing.intent(dog_variant(facts={}))
    assert "taken away" in briefing.intent(dog_variant("remove"))
    assert "scrambled" in briefing.intent(dog_variant("distort", part="e0", part_name="dog"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"other_name": "tail", "within_entity": True}, "left ear of the dog and its tail"),
        ({"other_name": "dog"}, "left ear of the dog and another dog"),
        ({"other_name": "person"}, "left ear of the dog and the person"),
        ({"other_name": "cat", "part": "e0", "part_name": "dog"}, "the dog and the cat"),
    ],
)
def test_fuse_names_both(dog_variant, more, words):
    assert words in briefing.intent(dog_variant("fuse", **more))


@pytest.mark.parametrize("tool", ["add", "remove", "distort", "fuse"])
def test_the_facts_hold_a_true_sentence_of_the_grammar(dog_variant, tool):
    flaw = dog_variant(tool, other_name="tail", within_entity=True)
    lines = briefing.lines("00ff", flaw, seed=3).splitlines()
    assert lines[1:3] == ["- thing: dog", "- part: left ear"]
    told = lines[-1].removeprefix("- a true description: ")
    assert checks.flaw(told, flaw) == []
    assert briefing.lines("00ff", flaw, seed=3).splitlines() == lines


def test_a_part_known_by_its_place_is_not_to_be_guessed(dog_variant):
    assert "do not guess" in briefing.lines("00ff", dog_variant("distort", positional=True), 0)


def test_what_the_records_know_goes_along(dog_variant):
    known = {"place": "upper left", "size": "tiny", "viewer_side": "right", "count": 1,
             "source_kind": "entity", "source_direction": "below"}  # fmt: skip
    told = briefing.details(dog_variant("remove", facts=known))
    assert len(told) == len(known)
    for words in ("in the upper left of the picture", "a tiny part of the picture", "one ear",
                  "on the viewer's right", "more of the dog", "from below"):  # fmt: skip
        assert any(words in fact for fact in told), words
    twisted = dog_variant("distort", kernel="swirl", facts={"sense": "clockwise", "extent": "half"})
    assert "it was turned clockwise" in briefing.details(twisted)
    assert "it covers about half of the dog" in briefing.details(twisted)
