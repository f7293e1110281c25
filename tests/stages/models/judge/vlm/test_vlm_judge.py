import io

import numpy as np
import pytest
from PIL import Image

from stages.engine.stage import RejectForNow
from stages.models.chat import prompts
from stages.models.judge.vlm.judge import PROMPT, VlmJudge
from stages.models.protocols import Case

GOOD = {
    "reason": "A second left ear sits below the first.",
    "perceptible": True, "inside_region": True, "looks_like_flaw": True,
}  # fmt: skip


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
    verdict = VlmJudge(chat).judge(case())
    assert (verdict.passed, verdict.reason, verdict.message) == (True, "ok", GOOD["reason"])
    assert verdict.prompt == prompts.load(PROMPT).id and verdict.answers == []
    assert set(verdict.scores.values()) == {1.0}
    (request,) = chat.requests
    assert "an extra copy of the left ear of the dog was put below" in request.user


def test_it_sees_photo_flaw_and_flaw_with_its_region(scripted, case):
    chat = scripted(GOOD)
    VlmJudge(chat).judge(case())
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
    verdict = VlmJudge(scripted({**GOOD, **change})).judge(case())
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
    assert VlmJudge(chat).judge(case()).passed
    assert complaint in chat.requests[1].turns[0].complaint
    verdict = VlmJudge(scripted(bad, bad)).judge(case())
    assert (verdict.passed, verdict.reason) == (False, "unusable_answer")
    assert len(verdict.answers) == 2 and verdict.scores == {}


def test_what_is_not_answered_now_is_no_verdict(scripted, case):
    with pytest.raises(RejectForNow):
        VlmJudge(scripted(RejectForNow("model_unavailable", "down"))).judge(case())


def test_distort_is_judged_by_the_bounds(scripted):
    assert VlmJudge(scripted()).tools == ("add", "remove", "fuse")
