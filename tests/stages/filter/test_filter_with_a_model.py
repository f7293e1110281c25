"""The filter stage with the vision-language judge, its bounds aside."""

import json

import numpy as np
import pytest
from chat_server import ChatServer

from stages.engine.stage import BaseParams
from stages.filter.params import FilterParams
from stages.filter.stage import FilterStage
from stages.models import registry
from stages.models.chat import prompts
from stages.models.judge.vlm.examples import read_ledger
from stages.models.judge.vlm.judge import PROMPT
from stages.models.registry import profiles
from stages.records.images import read_png

PROFILE = "served"


class Certain:
    """A metric by which everything is well perceptible."""

    @classmethod
    def revision(cls):
        return "certain"

    def distance(self, a, b):
        return 0.3

    def spatial(self, a, b):
        import numpy as np

        return np.full(a.shape[:2], 0.3, np.float32)


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


@pytest.fixture
def stage(server, monkeypatch, tmp_path):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    choices = {
        "chat": {"backend": "openai", "name": "m", "base_url": "http://localhost:1/v1"},
        "judge": {"backend": "vlm"},
    }
    made = {role: registry.Choice.model_validate(choice) for role, choice in choices.items()}
    monkeypatch.setattr(profiles, "read_profiles", lambda: {PROFILE: made})
    monkeypatch.setattr(registry, "metric", lambda profile, params, small_crops: Certain())
    base = BaseParams(profile=PROFILE, models={"chat": {"base_url": server.url}})
    stage = FilterStage(FilterParams(), base)
    stage.setup()
    return stage


def test_a_verdict_is_recorded_with_the_question_it_answers(stage, server, photos, standin):
    case = standin(photos[0], "add", 0)
    output = stage.process(case.sample(case.flawed()))
    (verdict,) = output.document.verdicts
    assert (verdict.passed, verdict.judge, verdict.reason) == (True, "vlm", "ok")
    assert verdict.prompt == prompts.load(PROMPT).id
    assert verdict.scores["perceptible"] == 1.0 and verdict.scores["lpips_control"] == 0.3
    assert len(stage.rows(output.document.model_dump())) == 1
    assert [image.format for image in server.requests[0].images] == ["PNG"] * 9


def test_the_pictures_of_the_examples_are_sent_before_the_question(stage, server, photos, standin):
    case = standin(photos[0], "add", 0)
    (verdict,) = stage.process(case.sample(case.flawed())).document.verdicts
    (seen,) = server.requests
    roles = [message["role"] for message in seen.body["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    chosen = [entry for entry in read_ledger() if entry.tool == "add"]
    sent = [np.asarray(image) for image in seen.images]
    for number, entry in enumerate(chosen):
        for picture, pixels in zip((entry.photo, entry.flawed), sent[3 * number :], strict=False):
            np.testing.assert_array_equal(pixels, read_png(picture.read()))
    answers = [json.loads(text) for text in seen.texts if text.startswith("{")]
    assert [answer["looks_like_flaw"] for answer in answers] == [True, False]
    assert verdict.passed and seen.question is seen.body["messages"][-1]


def test_what_the_model_refuses_is_a_reject_with_its_answers(stage, server, photos, standin):
    case = standin(photos[0], "remove", 0)
    server.respond_next(content="nonsense")
    server.respond_next(content="more nonsense")
    output = stage.process(case.sample(case.flawed()))
    (reject,) = output.rejects
    assert reject.code == "unusable_answer"
    assert reject.evidence["answers"] == ["nonsense", "more nonsense"]
    assert reject.evidence["prompt"] == prompts.load(PROMPT).id


def test_distort_costs_no_call(stage, server, photos, standin):
    case = standin(photos[0], "distort", 0)
    (verdict,) = stage.process(case.sample(case.flawed())).document.verdicts
    assert (verdict.passed, verdict.judge, server.count) == (True, "bounds", 0)
