import re

import pytest
from flaw_records import make, records
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stages.models.explainer import checks, claims, phrases
from stages.models.explainer.grammar.explainer import GrammarExplainer


def found(text, made):
    return {problem.check for problem in checks.check_flaw(text, made)}


def test_a_good_text_passes(variant):
    assert found("The person has an extra left hand just below the real one.", variant()) == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The person has an extra limb just below.", "names"),
        ("The person has an extra left hand at 120.", "leak"),
        ("In the box the person has an extra left hand.", "leak"),
        ("The masked person has an extra left hand.", "leak"),
        ("The person has an extra left hand in the highlighted area.", "leak"),
        ("The person has an extra left hand.\n<script>", "markup"),
        ("The left hand of the person is missing.", "contradiction"),
        ("The left hand of the person looks normal.", "contradiction"),
        ("The person has an extra left hand above the original.", "direction"),
        ("The person has an extra left hand, a copy of the right hand.", "side"),
        ("The person's left hand is odd. " * 30, "length"),
    ],
)
def test_a_bad_text_is_named(variant, text, problem):
    assert problem in found(text, variant())


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("remove", "The person has a second left hand."),
        ("distort", "The left hand of the person appears twice."),
        ("fuse", "The left hand of the person is missing."),
    ],
)
def test_words_of_another_tool_contradict(variant, tool, text):
    assert found(text, variant(tool=tool, other_name="neck")) >= {"contradiction"}


def test_the_overall_text_need_not_name_the_kind_of_flaw(variant):
    text = "The picture is flawed, for the person with that left hand is wrong."
    assert found(text, variant()) == {"tool"}
    assert checks.check_flaw(text, variant(), overall=True) == []


def test_names_are_no_leaks(variant):
    made = variant(tool="distort", entity_name="T-34 box", part_name="mask of the box")
    assert found("The mask of the box on the T-34 box is bent out of shape.", made) == set()


def test_the_other_side_may_be_named_by_the_record(variant):
    made = variant(tool="fuse", other_name="right hand", within_entity=True)
    assert found("The left hand and the right hand of the person merge.", made) == set()


def test_clean_text_must_not_claim_a_flaw():
    names = ["person"]
    assert checks.check_clean("The person is drawn in a consistent way.", names) == []
    assert checks.check_clean("Nothing about the person is distorted or missing.", names) == []
    assert checks.check_clean("No doubt: the person is distorted.", names)[0].found == "distorted"
    (problem,) = checks.check_clean("The person is distorted all over.", names)
    assert problem.check == "contradiction"


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("add", "The left hand of the person is bent out of shape."),
        ("remove", "The left hand of the person is bent out of shape."),
    ],
)
def test_words_of_no_tool_tell_nothing(variant, tool, text):
    assert found(text, variant(tool=tool)) == {"tool"}


OPEN = "The person has an extra left hand just below the real one, "


@pytest.mark.parametrize(
    ("facts", "text", "problem"),
    [
        ({"place": "upper left"}, "in the lower left of the picture.", "place"),
        ({"place": "left"}, "on the right-hand side of the photo.", "place"),
        ({"place": "left"}, "in the middle of the image.", "place"),
        ({"place": "left"}, "in the top left corner of the image.", None),
        ({}, "in the lower left of the picture.", None),
        ({"size": "tiny"}, "a large part of the picture.", "size"),
        ({"size": "tiny"}, "a small area of the image.", None),
        ({"extent": "piece"}, "and most of the person is spoilt.", "extent"),
        ({"viewer_side": "left"}, "on the viewer's right.", "viewer_side"),
        ({"count": 3}, "which makes four hands.", "count"),
        ({"count": 3}, "which makes three hands.", None),
        ({"direction": "upper left"}, "and it is wrong.", "direction"),
        ({"direction": "left"}, "and it is wrong.", "direction"),
        ({"direction": "lower left"}, "and it is wrong.", None),
        ({"direction": "below"}, "and the right hand too.", "side"),
        ({"sense": "clockwise"}, "turned counter-clockwise.", "sense"),
        ({"strips": "lying"}, "cut into vertical strips.", "strips"),
        ({"place": "right"}, "in the lower right of the picture.", None),
    ],
)
def test_facts_of_the_record_are_not_to_be_contradicted(variant, facts, text, problem):
    assert found(OPEN + text, variant(facts=facts)) == ({problem} if problem else set())


@pytest.mark.parametrize(
    ("norm", "problem"),
    [
        ("A person should only have two hands.", None),
        ("In reality, a person has only two hands.", None),
        ("A real person has two hands.", None),
        ("This person has two hands.", "count"),
        ("A person should have two hands, but here are four hands.", "count"),
    ],
)
def test_how_many_a_real_person_has_is_no_claim(variant, norm, problem):
    text = f"The person has an extra left hand just below the real one. {norm}"
    assert found(text, variant(facts={"count": 3})) == ({problem} if problem else set())


def test_a_positional_part_need_not_be_named_but_its_entity_must(variant):
    names = {"part_name": "upper part", "part_kind": "part", "positional": True}
    made = variant(tool="distort", entity_name="car", **names)
    assert found("The top of the car is distorted.", made) == set()
    assert found("The structure of the car is chaotic.", made) == set()
    assert found("The structure at the top is chaotic.", made) == {"names"}


@pytest.mark.parametrize(
    ("entity", "text", "fit"),
    [
        ("person", "There is an extra left hand just below.", True),
        ("person", "The number of hands is excessive.", True),
        ("person", "There is an extra limb.", False),
        ("robot", "There is an extra left hand just below.", False),
        ("robot", "The robot has an extra hand just below.", True),
    ],
)
def test_a_part_may_be_called_by_its_kind_and_belongs_to_a_person(entity, text, fit):
    assert found(text, make("add", "left hand", entity)) == (set() if fit else {"names"})


@pytest.mark.parametrize("other", ["lower lip", "left eyebrow"])
def test_a_side_may_be_any_word_of_a_name(variant, other):
    made = variant(tool="distort", part_name="upper lip", part_kind="lip")
    assert found("The upper lip of the person is bent.", made) == set()
    wrong = found(f"The upper lip of the person is bent, unlike the {other}.", made)
    assert wrong == ({"side"} if "lip" in other else set())


VALUES = {
    "place": list(phrases.PLACES), "size": ["tiny", "large"], "extent": ["piece", "most"],
    "viewer_side": ["left", "right"], "direction": list(phrases.DIRECTIONS),
    "source_direction": list(phrases.SOURCES), "strips": list(phrases.STRIPS),
    "sense": ["clockwise", "anticlockwise"],
}  # fmt: skip


def excludes(fact, value, other):
    """Whether one value of a fact cannot be true beside the other."""
    if fact in ("size", "extent"):  # what lies between may be called either
        extreme = {"size": "large", "extent": "piece"}[fact]
        return (value == extreme) != (other == extreme)
    if fact not in ("place", "direction", "source_direction"):
        return value != other
    rows = {"above": "upper", "below": "lower"}
    a, b = ({rows.get(word, word) for word in place.split()} for place in (value, other))
    return not (a <= b or b <= a) and (len(a) == 1 or len(b) == 1 or bool(
        {frozenset(p) for p in (("left", "right"), ("upper", "lower"))}
        & {frozenset((x, y)) for x in a for y in b}))  # fmt: skip


@settings(max_examples=200)
@given(records(), st.text("0123456789abcdef", min_size=16, max_size=16), st.data())
def test_a_falsified_text_is_caught(made, key, data):
    """The text of a record with one fact changed, held against the true record."""
    stated = sorted(set(made.facts) & set(VALUES))
    assume(stated)
    fact = data.draw(st.sampled_from(stated))
    other = data.draw(st.sampled_from(VALUES[fact]))
    assume(excludes(fact, made.facts[fact], other))
    false = made.model_copy(update={"facts": made.facts | {fact: other}})
    for text in (GrammarExplainer(0).local(key, false), GrammarExplainer(0).overall(key, false)):
        claimed = {claim.fact for claim in claims.read_claims(text, false)[0]}
        problems = {problem.check for problem in checks.check_flaw(text, made)}
        assert (fact in problems) == (fact in claimed), text


@settings(derandomize=True)  # word lists have gaps: the same examples each time
@given(records(("add", "remove")), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_the_text_of_another_tool_is_caught(made, key):
    for tool in {"add", "remove", "distort", "fuse"} - {made.tool}:
        other = made.model_copy(update={"tool": tool, "other_name": "collar", "facts": {}})
        text = GrammarExplainer(0).local(key, other)
        assert {"contradiction", "tool"} & {p.check for p in checks.check_flaw(text, made)}, text


@given(records(("distort", "fuse")), st.text("0123456789abcdef", min_size=16, max_size=16))
def test_a_distortion_is_no_copy_and_no_absence(made, key):
    for tool in ("add", "remove"):
        other = made.model_copy(update={"tool": tool, "facts": {}, "positional": False})
        text = GrammarExplainer(0).local(key, other)
        known = re.search(
            "extra|duplic|surplus|twice|too many|missing|absent|vanish|disappear", text
        )
        assert not known or "contradiction" in {p.check for p in checks.check_flaw(text, made)}, (
            text
        )


def test_sides_of_records_are_the_parts():
    made = make("add", "left hand", facts={"viewer_side": "right", "direction": "left"})
    text = "To the left of the person's left hand, on the viewer's right, sits a second left hand."
    assert checks.check_flaw(text, made) == []


@pytest.fixture
def several(variant):
    """An extra left hand and a missing nose of a person."""
    facts = {"place": "upper"}
    nose = variant(id="v1", tool="remove", part_name="nose", part_kind="nose", facts=facts)
    return [variant(), nose]


@pytest.mark.parametrize(
    "text",
    [
        "The person has an extra left hand below the real one, and the nose is missing.",
        "The left hand of the person appears twice and the nose is missing. No photo shows this.",
        "The person lacks the nose, missing in the upper half of the picture. An extra left hand "
        "sits below the true one.",
    ],
)
def test_a_text_may_say_of_each_flaw_what_is_true_of_it(text, several):
    assert checks.check_picture(text, several) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("The person has an extra left hand below the real one.", "names"),
        ("The person's left hand is missing, and the nose is missing.", "contradiction"),
        ("The person has an extra left hand, and an extra nose.", "contradiction"),
        ("The person has an extra left hand above the real one, and the nose is gone.",
         "direction"),
        ("The left hand of the person is doubled. The nose is missing in the lower half of the "
         "picture.", "place"),
        ("The left hand of the person is doubled, the nose is missing, the rest looks normal.",
         "contradiction"),
        ("The left hand and nose of the person are wrong in box 4.", "leak"),
        ("The left hand and nose of the person are wrong. " * 20, "length"),
    ],
)  # fmt: skip
def test_a_text_that_is_true_of_no_flaw_is_named(text, problem, several):
    assert problem in {p.check for p in checks.check_picture(text, several)}
