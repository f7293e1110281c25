import pytest

from stages.models.explainer.form import MAX_CHARACTERS, check_form, strip_names


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("Too short", "length"),
        ("a" * (MAX_CHARACTERS + 1), "length"),
        ("The hand *is* odd, all in all.", "markup"),
        ("The hand at row twelve of the mask.", "leak"),
        ("There are 6 fingers on this hand.", "leak"),
    ],
)
def test_what_is_wrong_is_named(text, check):
    assert [problem.check for problem in check_form(text, [])] == [check]


def test_names_of_the_record_are_no_leaks():
    text = "The lid of the box on the T-34 is bent."
    assert {p.found for p in check_form(text, [])} == {"box"}
    assert check_form(text, ["box", "T-34"]) == []


def test_only_whole_names_are_taken_out():
    assert strip_names("The Hand and the handle", ["hand"]) == "The · and the handle"


def test_a_place_in_the_picture_is_no_name():
    text = "The upper part of the car is odd, in the upper part of the picture."
    assert strip_names(text, ["upper part"]).count("upper part") == 1
