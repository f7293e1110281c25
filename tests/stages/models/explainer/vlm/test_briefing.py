import pytest

from stages.models.explainer import checks
from stages.models.explainer.vlm import briefing


@pytest.mark.parametrize("tool", ["add", "remove", "distort", "fuse"])
def test_the_facts_hold_a_true_sentence_of_the_grammar(dog_variant, tool):
    flaw = dog_variant(tool, other_name="tail", within_entity=True)
    lines = briefing.format_facts("00ff", flaw, seed=3).splitlines()
    assert lines[1:3] == ["- thing: dog", "- part: left ear"]
    sentence = lines[-1].removeprefix("- a true description: ")
    assert checks.check_flaw(sentence, flaw) == []
    assert briefing.format_facts("00ff", flaw, seed=3).splitlines() == lines


def test_the_model_must_not_guess_what_a_positional_part_is(dog_variant):
    assert "do not guess" in briefing.format_facts(
        "00ff", dog_variant("distort", positional=True), 0
    )


def test_every_fact_of_the_record_is_listed(dog_variant):
    known = {"place": "upper left", "size": "tiny", "viewer_side": "right", "count": 1,
             "source_kind": "entity", "source_direction": "below"}  # fmt: skip
    details = briefing.list_details(dog_variant("remove", facts=known))
    assert len(details) == len(known)
    for words in ("in the upper left of the picture", "a tiny part of the picture", "one ear",
                  "on the viewer's right", "more of the dog", "from below"):  # fmt: skip
        assert any(words in fact for fact in details), words
    twisted = dog_variant("distort", kernel="swirl", facts={"sense": "clockwise", "extent": "half"})
    assert "it was turned clockwise" in briefing.list_details(twisted)
    assert "it covers about half of the dog" in briefing.list_details(twisted)
