import pytest

from benchmarks.judging import scores, verdicts
from benchmarks.judging.draw import SETS
from benchmarks.judging.verdicts import (
    Verdict,
    compute_shares,
    decide_by_majority,
    parse_answers,
)

KEY = {"1": "aa-v0", "2": "bb-v1"}


def make_facts(number=1, name="aa-v0", **changes):
    facts = {
        "id": number, "perceptible": True, "inside": True, "intended": True, "plausible": "yes",
    }  # fmt: skip
    return {**facts, "name": name, **changes}


def make_answer(number, **changes):
    found = make_facts(number, **changes)
    del found["name"]
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"plausible": "borderline"}, True),
        ({"plausible": "no"}, False),
        ({"perceptible": False}, False),
        ({"inside": False}, False),
        ({"intended": False}, False),
    ],
)
def test_right_follows_the_rubric(changes, expected):
    assert Verdict.model_validate(make_facts(**changes)).right is expected


def test_answers_get_the_names_of_their_results():
    found = parse_answers([make_answer(2), make_answer(1)], KEY)
    assert [(found[0].id, found[0].name), (found[1].id, found[1].name)] == [
        (1, "aa-v0"),
        (2, "bb-v1"),
    ]


@pytest.mark.parametrize("numbers", [[1], [1, 2, 2], [1, 2, 3]])
def test_every_number_must_be_answered_once(numbers):
    with pytest.raises(ValueError, match="not answered exactly once"):
        parse_answers([make_answer(number) for number in numbers], KEY)


def test_majority_decides_and_a_tie_is_not_right():
    yes = Verdict.model_validate(make_facts())
    no = Verdict.model_validate(make_facts(perceptible=False))
    tie = {"a": {"x": yes, "y": yes}, "b": {"x": yes, "y": no}}
    assert decide_by_majority(tie) == {"x": True, "y": False}
    assert compute_shares(tie) == {"x": 1.0, "y": 0.5}
    assert decide_by_majority({"a": {"x": yes}, "b": {"x": no}, "c": {"x": yes}}) == {"x": True}


@pytest.mark.parametrize("name", SETS)
def test_committed_verdicts_are_of_the_committed_results(name):
    by_rater = verdicts.load(name)
    names = {row.name for row in scores.load(name, "flaws").rows}
    assert by_rater and all(set(own) == names for own in by_rater.values())
    assert len(names) >= 100
