"""The filter stage with the vision-language judge, its bounds aside."""

import pytest
from chat_server import ChatServer

from stages.engine.stage import BaseParams
from stages.filter.params import FilterParams
from stages.filter.stage import FilterStage
from stages.models import registry
from stages.models.chat import prompts
from stages.models.judge.vlm.judge import PROMPT
from stages.models.registry import profiles

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
    monkeypatch.setattr(registry, "metric", lambda profile, params: Certain())
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
    assert [image.format for image in server.requests[0].images] == ["PNG"] * 3


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
