import pytest

from stages.models.explainer import checks
from stages.models.explainer.vlm import briefing


@pytest.mark.parametrize("tool", ["add", "remove", "distort", "fuse"])
def test_the_facts_hold_a_true_sentence_of_the_grammar(dog_variant, tool):
    flaw = dog_variant(tool, other_name="tail", within_entity=True)
    lines = briefing.format_facts("00ff", flaw, seed=3).splitlines()
    assert lines[1:3] == ["- thing: dog", "- part: left ear"]
    told = lines[-1].removeprefix("- a true description: ")
    assert checks.check_flaw(told, flaw) == []
    assert briefing.format_facts("00ff", flaw, seed=3).splitlines() == lines


def test_a_part_known_by_its_place_is_not_to_be_guessed(dog_variant):
    assert "do not guess" in briefing.format_facts(
        "00ff", dog_variant("distort", positional=True), 0
    )


def test_what_the_records_know_goes_along(dog_variant):
    known = {"place": "upper left", "size": "tiny", "viewer_side": "right", "count": 1,
             "source_kind": "entity", "source_direction": "below"}  # fmt: skip
    told = briefing.list_details(dog_variant("remove", facts=known))
    assert len(told) == len(known)
    for words in ("in the upper left of the picture", "a tiny part of the picture", "one ear",
                  "on the viewer's right", "more of the dog", "from below"):  # fmt: skip
        assert any(words in fact for fact in told), words
    twisted = dog_variant("distort", kernel="swirl", facts={"sense": "clockwise", "extent": "half"})
    assert "it was turned clockwise" in briefing.list_details(twisted)
    assert "it covers about half of the dog" in briefing.list_details(twisted)
