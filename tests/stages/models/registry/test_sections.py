import pickle

import pytest
from pydantic import ValidationError

from stages import STAGES
from stages.catalogue import stage_class
from stages.engine.provenance import stage_digest
from stages.engine.stage import BaseParams, StageParams
from stages.filter.stage import FilterStage
from stages.models import registry
from stages.models.stage import ModelStage
from stages.perceive.params import PerceiveParams
from stages.perceive.stage import PerceiveStage


class ShelfParams(StageParams):
    size: int = 3


def make_params(**values):
    return registry.add_sections("judge")(ShelfParams).model_validate(values)


def test_each_back_end_with_params_gets_a_section(shelf):
    assert make_params().model_dump(exclude={"gate"}) == {"size": 3, "thing": {"size": 0.5}}
    assert make_params(thing={"size": 1.0}).thing.size == 1
    with pytest.raises(ValidationError):
        make_params(toy={})


def test_a_back_end_is_made_with_its_own_section(shelf):
    params = make_params(thing={"size": 0.25})
    assert registry.create("judge", "red", params).size == 0.25


def test_two_params_of_one_name_are_an_error(shelf):
    class Taken(StageParams):
        thing: int = 1

    with pytest.raises(ValueError, match="Taken has two params 'thing'"):
        registry.add_sections("judge")(Taken)


def test_the_sections_of_other_back_ends_are_unused(shelf):
    assert registry.unused_sections("red", "judge") == set()
    toy = BaseParams(profile="red", models={"judge": {"backend": "toy"}})
    assert registry.unused_sections(toy, "judge") == {"thing"}


def test_a_worker_gets_the_params_with_their_sections():
    params = PerceiveParams.model_validate({"grounded": {"box": 0.4}})
    assert pickle.loads(pickle.dumps(params)) == params


def digest(stage, profile, **sections):
    params = stage.params_model.model_validate(sections)
    return stage_digest(stage(params, BaseParams(profile=profile)))


@pytest.mark.parametrize(
    ("stage", "profile", "own", "other"),
    [
        (PerceiveStage, "compact", {"mediapipe": {"hand": 0.7}}, {"grounded": {"box": 0.4}}),
        (PerceiveStage, "flux", {"grounded": {"box": 0.4}}, {"mediapipe": {"hand": 0.7}}),
        (FilterStage, "compact", {"features": {"inside": 0.4}}, {}),
        (FilterStage, "flux", {"lpips": {"low": 0.2}}, {"features": {"inside": 0.4}}),
    ],
)
def test_only_the_chosen_back_ends_params_enter_the_key(stage, profile, own, other):
    assert digest(stage, profile, **other) == digest(stage, profile)
    assert digest(stage, profile, **own) != digest(stage, profile)


STAGES_WITH_MODELS = [
    stage for name in STAGES if issubclass(stage := stage_class(name), ModelStage)
]


@pytest.mark.parametrize("stage", STAGES_WITH_MODELS)
def test_a_stage_has_the_sections_of_all_back_ends_of_its_roles(stage):
    for role in stage.roles:
        for name, backend in registry.BACKENDS[role].items():
            if own := backend.params_model():
                assert stage.params_model.model_fields[name].annotation is own
                assert getattr(stage.params_model(), name) == own()
