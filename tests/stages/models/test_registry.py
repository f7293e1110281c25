import pytest

from stages.engine.stage import BaseParams
from stages.models import registry
from stages.models.registry import RegistryError
from stages.models.weights import packages

ALWAYS = {"flow", "perceiver", "metric", "judge", "explainer"}
"""Roles that some stage asks for in every profile."""


class Thing:
    def __init__(self, colour, size=1):
        self.colour, self.size = colour, size

    @classmethod
    def revision(cls, colour):
        return f"thing {colour}"


class Wardrobe:
    needs = ("judge",)

    def __init__(self, judge):
        self.judge = judge

    @classmethod
    def revision(cls):
        return "wardrobe"


@pytest.fixture
def shelf(monkeypatch):
    monkeypatch.setitem(registry.BACKENDS, "judge", {"thing": "Thing"})
    monkeypatch.setitem(registry.BACKENDS, "explainer", {"wardrobe": "Wardrobe"})
    monkeypatch.setattr(registry, "_load", globals().__getitem__)
    choices = {
        name: {
            "judge": registry.Choice.model_validate({"backend": "thing", "colour": name}),
            "explainer": registry.Choice(backend="wardrobe"),
        }
        for name in ("red", "blue")
    }
    monkeypatch.setattr(registry, "profiles", lambda: choices)


def test_a_back_end_gets_its_options_and_arguments(shelf):
    thing = registry.create("judge", "red", size=7)
    assert (thing.colour, thing.size) == ("red", 7)


def test_options_enter_the_revision(shelf):
    found = registry.revisions("red", "judge")
    assert found == {"judge": registry.revision("judge", "red")}
    assert found["judge"] != registry.revision("judge", "blue")


def test_a_back_end_gets_those_it_needs_and_has_their_revisions(shelf):
    assert registry.create("explainer", "red").judge.colour == "red"
    assert registry.revision("explainer", "red") != registry.revision("explainer", "blue")


def test_devices_are_those_of_a_role_and_of_what_it_needs(shelf):
    assert registry.devices("red", "judge", "explainer") == set()
    on_gpu = BaseParams(profile="red", models={"judge": {"device": "cuda"}})
    assert registry.devices(on_gpu, "explainer") == {"cuda"}
    split = BaseParams(profile="red", models={**on_gpu.models, "explainer": {"device": "cpu"}})
    assert registry.devices(split, "explainer") == {"cuda", "cpu"}


def test_params_come_on_top_of_the_profile(shelf):
    base = BaseParams(profile="red", models={"judge": {"colour": "green"}})
    thing = registry.create("judge", base, size=3)
    assert (thing.colour, thing.size) == ("green", 3)
    assert registry.create("judge", BaseParams(profile="red")).colour == "red"
    for role in ("judge", "explainer"):
        assert registry.revision(role, base) != registry.revision(role, "red")


def test_another_back_end_takes_none_of_the_profiles_options():
    local = {"backend": "transformers", "name": "models/mine"}
    base = BaseParams(profile="flux", models={"chat": local})
    assert registry.choice("chat", base).options == {"name": "models/mine"}
    base = BaseParams(profile="flux", models={"chat": {"backend": "openai", "name": "m"}})
    assert set(registry.choice("chat", base).options) == {"name", "base_url"}


def test_questions_are_those_of_a_role_and_of_what_it_needs():
    assert registry.questions("perceiver", "flux") == {"vocabulary": "photo"}
    assert registry.questions("captioner", "flux") == {"caption": "photo"}
    assert registry.questions("judge", "flux") == {"verdict": "variant"}
    assert registry.questions("explainer", "flux") == {"flaw": "variant", "clean": "photo"}
    assert not any(registry.questions(role, "compact") for role in registry.roles("compact"))


def test_a_role_may_be_left_out(shelf):
    base = BaseParams(profile="red", models={"explainer": None})
    assert set(registry.roles(base)) == {"judge"}
    with pytest.raises(registry.RegistryError, match="explainer"):
        registry.choice("explainer", base)


def test_options_for_a_role_that_the_profile_lacks_are_an_error(shelf):
    base = BaseParams(profile="red", models={"chat": {"name": "m"}})
    with pytest.raises(RegistryError, match="role of profile 'red' 'chat' does not exist"):
        registry.revision("judge", base)


@pytest.mark.parametrize(
    ("role", "profile", "message"),
    [
        ("metric", "huge", "profile 'huge' does not exist; known: compact, flux"),
        ("cook", "compact", "role of profile 'compact' 'cook' does not exist"),
    ],
)
def test_unknown_names_are_told_the_known_ones(role, profile, message):
    with pytest.raises(RegistryError, match=message):
        registry.create(role, profile)


def test_every_profile_names_back_ends_that_exist():
    for name, roles in registry.profiles().items():
        assert registry.BACKENDS.keys() >= roles.keys() >= ALWAYS
        for role in roles:
            assert registry.choice(role, name).backend in registry.BACKENDS[role]


def test_a_flow_folder_is_found_from_any_directory(monkeypatch, tmp_path, flow_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry.hub, "ROOT", flow_folder.parent)
    first = registry.DiffusersFlow.revision(flow_folder.name)
    assert len(first) == 64 and first == registry.DiffusersFlow.revision(str(flow_folder))


def test_a_flow_of_the_hub_is_its_commit_and_needs_nothing_here():
    name = "black-forest-labs/FLUX.1-dev"
    pinned = registry.hub.catalogue()[name].revision
    assert registry.DiffusersFlow.revision(name) == f"{name}@{pinned}"
    assert registry.DiffusersFlow.weights(name) == [name]
    assert registry.DiffusersFlow.weights("weights/compact") == []


def test_damaged_flow_weights_are_an_error_that_says_the_remedy(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(packages.WeightsError, match=r"(?s)vae: cannot load.*restore its folder"):
        registry.DiffusersFlow(str(folder))
