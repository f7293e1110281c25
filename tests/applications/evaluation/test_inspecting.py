import os
from dataclasses import replace

import pytest
from findings import SIZE, Scripted, example, png

from applications.evaluation.example import Example
from applications.evaluation.inspecting import inspect_set
from applications.protocols import Finding
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import CURRENT_PHOTO, CURRENT_STAGE, FactoryError
from stages.models.chat.codes import AskCode


def broken(data):
    def read():
        if isinstance(data, Exception):
            raise data
        return data

    return Example("broken", read, "flawed", "generated", size=SIZE)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"prose", "unreadable picture", "not a known image format"),
        (png()[:40], "unreadable picture", ""),
        (FileNotFoundError("gone"), "unreadable picture", "gone"),
        (png((3, 3)), "wrong size", "is 3 x 3, its annotation is of 20 x 10"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named_and_costs_no_other(data, kind, words):
    inspector = Scripted({0: Finding(0.9)})
    found = inspect_set([broken(data), example("a")], {"one": inspector})
    assert [row.example.key for row in found.rows["one"]] == ["a"]
    [problem] = found.problems
    assert (problem.kind, problem.where) == (kind, "broken")
    assert words in problem.message


def test_all_inspectors_see_a_picture_that_is_read_once():
    read = []
    made = example("a")
    counted = replace(made, read=lambda: read.append(1) or png())
    one, two = Scripted({0: Finding(0.9)}), Scripted({0: Finding(0.1)})
    found = inspect_set([counted], {"one": one, "two": two})
    assert len(read) == 1
    assert [found.rows[name][0].probability for name in ("one", "two")] == [0.9, 0.1]


def test_an_answer_in_prose_is_a_failure_with_the_answer():
    prose = RejectPhoto(AskCode.UNUSABLE, "no JSON", answers=["First.", "It looks fine."])
    found = inspect_set([example("a"), example("b", "clean")], {"one": Scripted({0: prose})})
    flawed, clean = found.rows["one"]
    assert (flawed.probability, clean.probability) == (0, 1)
    assert flawed.failure.code == "unusable_answer"
    assert flawed.failure.answer == "It looks fine."


def test_an_error_of_the_user_ends_it():
    with pytest.raises(FactoryError, match="budget"):
        inspect_set([example("a")], {"one": Scripted({0: FactoryError("the budget")})})


def test_answers_are_stored_under_their_photo(monkeypatch):
    monkeypatch.setenv(CURRENT_PHOTO, "before")
    seen = []

    class Asking(Scripted):
        def inspect(self, picture):
            seen.append((os.environ.get(CURRENT_PHOTO), os.environ.get(CURRENT_STAGE)))
            return Finding(0.5)

    examples = [example("a", photo="p"), example("b", photo="p"), example("c"), example("d")]
    inspect_set(examples, {"one": Asking({})}, workers=4)
    assert seen == [("p", "evaluate")] * 2 + [(None, "evaluate")] * 2
    assert os.environ[CURRENT_PHOTO] == "before"
    assert CURRENT_STAGE not in os.environ


def test_progress_counts_pictures():
    done = []
    inspect_set(
        [example("a"), broken(b"x")], {"one": Scripted({0: Finding(0)})}, report=done.append
    )
    assert done == [1, 2]
