import pytest

from stages.models import wording


def found(text, made):
    return {problem.check for problem in wording.flaw(text, made)}


def test_a_good_text_passes(variant):
    assert found("The person has an extra left hand just below the real one.", variant()) == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("There is an extra left hand just below.", "names"),
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
    assert found(text, variant(tool=tool, other_name="neck")) == {"contradiction"}


def test_names_are_no_leaks(variant):
    made = variant(tool="distort", entity_name="T-34 box", part_name="mask of the box")
    assert found("The mask of the box on the T-34 box is bent out of shape.", made) == set()


def test_the_other_side_may_be_named_by_the_record(variant):
    made = variant(tool="fuse", other_name="right hand", within_entity=True)
    assert found("The left hand and the right hand of the person merge.", made) == set()


def test_clean_text_must_not_claim_a_flaw():
    assert wording.clean("The person is drawn in a consistent way.", ["person"]) == []
    assert wording.clean("Nothing about the person is distorted or missing.", ["person"]) == []
    assert wording.clean("No doubt: the person is distorted.", ["person"])[0].found == "distorted"
    assert (
        wording.clean("The person is distorted all over.", ["person"])[0].check == "contradiction"
    )
