import json

import pytest

from stages.engine.stage import BaseParams
from stages.models import registry
from stages.models.registry import used_models
from stages.models.weights import hub


def describe(profile, *roles):
    return {(m.role, m.weights): m for m in used_models(profile, *roles)}


@pytest.mark.parametrize("profile", ["compact", "flux"])
def test_every_model_of_a_profile_is_pinned(profile):
    found = used_models(profile, *registry.roles(profile))
    assert {model.role for model in found} == set(registry.roles(profile))
    for model in found:
        assert model.revision.startswith(f"{model.back_end}:")
        if model.weights and model.source != "endpoint":
            assert model.sha256 or model.source.startswith("huggingface.co/")


def test_weights_are_named_with_source_and_digest():
    found = describe("compact", "flow", "perceiver", "explainer")
    flow = found["flow", "weights/compact"]
    assert (flow.source, flow.sha256) == ("folder", hub.revision("weights/compact"))
    assert found["perceiver", "mediapipe"].source == "pypi: mediapipe 0.10.21"
    assert len(found["perceiver", "u2net"].sha256) == 64
    assert found["explainer", ""].source == found["explainer", ""].sha256 == ""


def test_a_role_brings_the_models_that_it_needs():
    found = describe("flux", "judge", "explainer")
    model = found["chat", "Qwen/Qwen2.5-VL-7B-Instruct"]
    assert (model.source, model.sha256) == ("endpoint", "")
    assert sum(role == "chat" for role, _ in found) == 1


def test_a_commit_of_the_hub_is_named_in_full():
    found = describe("flux", "flow")["flow", "black-forest-labs/FLUX.1-dev"]
    assert found.source == (
        "huggingface.co/black-forest-labs/FLUX.1-dev@3de623fc3c33e44ffbe2bad470d0f45bccf2eb21"
    )
    assert json.loads(found.options)["dtype"] == "bfloat16"


def test_no_address_key_or_folder_of_this_machine_is_named(tmp_path):
    folder = tmp_path / "my models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    chat = {"name": "m", "base_url": "http://10.0.0.7:8000/v1", "key": "MY_SECRET_NAME"}
    base = BaseParams(profile="flux", models={"flow": {"name": str(folder)}, "chat": chat})
    text = str(used_models(base, *registry.roles(base)))
    assert "tiny" in text
    for secret in (str(tmp_path), "my models", "10.0.0.7", "MY_SECRET_NAME"):
        assert secret not in text


def test_every_judge_declares_its_scores():
    assert {"lpips_control", "probability", "perceptible"} <= set(registry.scores())
