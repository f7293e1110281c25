import pytest

from benchmarks.judging import scores, verdicts
from benchmarks.judging.draw import SETS
from benchmarks.judging.verdicts import Look, named, right, shares

KEY = {"1": "aa-v0", "2": "bb-v1"}


def look(number=1, name="aa-v0", **changes):
    facts = {
        "id": number, "perceptible": True, "inside": True, "intended": True, "plausible": "yes",
    }  # fmt: skip
    return {**facts, "name": name, **changes}


def answer(number, **changes):
    found = look(number, **changes)
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
def test_right_is_what_the_rubric_says(changes, expected):
    assert Look.model_validate(look(**changes)).right is expected


def test_answers_get_their_names():
    found = named([answer(2), answer(1)], KEY)
    assert [(found[0].id, found[0].name), (found[1].id, found[1].name)] == [
        (1, "aa-v0"),
        (2, "bb-v1"),
    ]


@pytest.mark.parametrize("numbers", [[1], [1, 2, 2], [1, 2, 3]])
def test_every_number_is_answered_once(numbers):
    with pytest.raises(ValueError, match="not answered once"):
        named([answer(number) for number in numbers], KEY)


def test_most_lookers_decide_and_a_tie_is_not_right():
    yes, no = Look.model_validate(look()), Look.model_validate(look(perceptible=False))
    assert right({"a": {"x": yes, "y": yes}, "b": {"x": yes, "y": no}}) == {"x": True, "y": False}
    assert shares({"a": {"x": yes, "y": yes}, "b": {"x": yes, "y": no}}) == {"x": 1.0, "y": 0.5}
    assert right({"a": {"x": yes}, "b": {"x": no}, "c": {"x": yes}}) == {"x": True}


@pytest.mark.parametrize("name", SETS)
def test_the_committed_verdicts_are_of_the_committed_results(name):
    looks = verdicts.load(name)
    names = {row.name for row in scores.load(name, "flaws").rows}
    assert looks and all(set(seen) == names for seen in looks.values())
    assert len(names) >= 100
