import io

import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import BaseParams, RejectForNow
from stages.models import registry
from stages.models.chat import prompts
from stages.models.judge.vlm.examples import read_ledger
from stages.models.judge.vlm.judge import PROMPT, VlmJudge
from stages.models.judge.vlm.params import VlmJudgeParams
from stages.models.protocols import Case

GOOD = {
    "reason": "A second left ear sits below the first.",
    "perceptible": True, "inside_region": True, "looks_like_flaw": True,
}  # fmt: skip


def make_judge(chat, examples=0):
    return VlmJudge(chat, VlmJudgeParams(examples=examples))


@pytest.fixture
def case(photo, dog_variant, dog_window):
    def make(tool="add"):
        artifact = photo.copy()
        artifact[52:68, 72:104] = 0
        mask = (artifact != photo).any(axis=2)
        return Case(photo, photo, artifact, mask, dog_window, photo, artifact, dog_variant(tool))

    return make


def test_it_passes_what_is_there_where_it_should_be_and_looks_right(scripted, case):
    chat = scripted(GOOD)
    verdict = make_judge(chat).judge(case())
    assert (verdict.passed, verdict.reason, verdict.message) == (True, "ok", GOOD["reason"])
    assert verdict.prompt == prompts.load(PROMPT).id and verdict.answers == []
    assert set(verdict.scores.values()) == {1.0}
    (request,) = chat.requests
    assert "an extra copy of the left ear of the dog was put below" in request.user


def test_it_sees_photo_flaw_and_flaw_with_its_region(scripted, case):
    chat = scripted(GOOD)
    make_judge(chat).judge(case())
    real, flawed, marked = (
        np.asarray(Image.open(io.BytesIO(image))) for image in chat.requests[0].images
    )
    assert real.shape == flawed.shape == marked.shape
    assert (flawed == 0).all(axis=2).sum() == 16 * 32 and not (real == flawed).all()
    red = (marked == (255, 0, 0)).all(axis=2)
    assert red.sum() > 100 and not (flawed == (255, 0, 0)).all(axis=2).any()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"perceptible": False, "inside_region": False, "looks_like_flaw": False},
         "not_perceptible"),
        ({"inside_region": False}, "wrong_place"),
        ({"looks_like_flaw": False}, "not_a_flaw"),
    ],
)  # fmt: skip
def test_it_says_why_not(scripted, case, change, code):
    verdict = make_judge(scripted({**GOOD, **change})).judge(case())
    assert (verdict.passed, verdict.reason) == (False, code)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"perceptible": False}, "cannot be noticed"),
        ({"reason": "The left ear is missing."}, "'missing' contradicts"),
        ({"reason": "The right ear shows up again."}, "'right ear' contradicts"),
        ({"reason": "An ear at 120, 44."}, "no numbers"),
        ({"reason": "Something is odd."}, "does not name the left ear"),
        ({"reason": " "}, "is empty"),
    ],
)
def test_a_verdict_against_itself_or_the_tool_is_asked_for_again(scripted, case, change, complaint):
    bad = {**GOOD, **change}
    chat = scripted(bad, GOOD)
    assert make_judge(chat).judge(case()).passed
    assert complaint in chat.requests[1].turns[0].complaint
    verdict = make_judge(scripted(bad, bad)).judge(case())
    assert (verdict.passed, verdict.reason) == (False, "unusable_answer")
    assert len(verdict.answers) == 2 and verdict.scores == {}


def test_what_is_not_answered_now_is_no_verdict(scripted, case):
    with pytest.raises(RejectForNow):
        make_judge(scripted(RejectForNow("model_unavailable", "down"))).judge(case())


def test_distort_is_judged_by_the_bounds(scripted):
    assert make_judge(scripted()).tools == ("add", "remove", "fuse")


@pytest.mark.parametrize("count", [0, 1, 2, 6])
def test_examples_come_before_the_question(scripted, case, count):
    chat = scripted(GOOD)
    verdict = make_judge(chat, count).judge(case())
    (request,) = chat.requests
    assert len(request.examples) == count and request.example_pictures == 3 * count
    assert VlmJudge.example_pictures(VlmJudgeParams(examples=count)) == {PROMPT: 3 * count}
    assert "an extra copy of the left ear of the dog" in request.user and len(request.images) == 3
    assert (verdict.passed, verdict.message) == (True, GOOD["reason"])


def test_an_answer_is_checked_as_without_examples(scripted, case):
    bad = {**GOOD, "reason": "Something is odd."}
    chat = scripted("no JSON", bad, GOOD)
    assert make_judge(chat, 2).judge(case()).passed
    assert [len(request.turns) for request in chat.requests] == [0, 1, 2]
    assert {request.examples for request in chat.requests} == {chat.requests[0].examples}
    assert "does not name the left ear" in chat.requests[2].turns[1].complaint


@pytest.mark.parametrize("tool", ["add", "remove", "fuse"])
def test_the_examples_of_the_flaws_own_tool_come_first(scripted, case, tool):
    chat = scripted(GOOD, GOOD)  # some checks refuse this answer, which is about an added part
    make_judge(chat, 2).judge(case(tool))
    sent = [example.answer for example in chat.requests[0].examples]
    own = [e.answer.model_dump_json() for e in read_ledger() if e.tool == tool]
    assert sent == own


def test_the_stage_sends_the_examples_that_its_params_ask_for():
    """The number is in the stage's key: it belongs to the section of the judge that is used."""
    from stages.filter.params import FilterParams

    params = FilterParams.model_validate({"vlm": {"examples": 4}})
    base = BaseParams(profile="flux")
    assert registry.section("judge", base, params) == VlmJudgeParams(examples=4)
    assert registry.example_pictures("judge", base, params) == {"verdict": 12}
    assert registry.example_pictures("judge", BaseParams(), params) == {}
    assert "vlm" not in registry.unused_sections(base, "judge")
