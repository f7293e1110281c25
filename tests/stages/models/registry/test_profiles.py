import pytest

from stages.engine.stage import BaseParams
from stages.models import registry
from stages.models.registry import RegistryError


def test_params_come_on_top_of_the_profile(shelf):
    base = BaseParams(profile="red", models={"judge": {"colour": "green"}})
    assert registry.options("judge", base).colour == "green"
    assert registry.options("judge", BaseParams(profile="red")).colour == "red"
    for role in ("judge", "explainer"):
        assert registry.revision(role, base) != registry.revision(role, "red")


def test_another_back_end_takes_none_of_the_profiles_options():
    models = {"chat": {"backend": "transformers", "name": "models/mine"}}
    base = BaseParams(profile="flux", models=models)
    assert registry.choice("chat", base).options == {"name": "models/mine"}
    base = BaseParams(profile="flux", models={"chat": {"backend": "openai", "name": "m"}})
    assert set(registry.choice("chat", base).options) == {"name", "base_url"}


def test_a_role_may_be_left_out(shelf):
    base = BaseParams(profile="red", models={"explainer": None})
    assert set(registry.roles(base)) == {"judge"}
    with pytest.raises(RegistryError, match="explainer"):
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
def test_a_message_about_an_unknown_name_lists_the_known_ones(role, profile, message):
    with pytest.raises(RegistryError, match=message):
        registry.create(role, profile)
