from stages.engine.stage import BaseParams
from stages.models import registry


def test_a_back_end_gets_its_options_and_params(shelf):
    thing = registry.create("judge", "red")
    assert (thing.colour, thing.size) == ("red", 0.5)


def test_a_back_end_without_options_or_params_gets_none(shelf):
    base = BaseParams(profile="red", models={"judge": {"backend": "toy"}})
    assert not vars(registry.create("judge", base))


def test_options_enter_the_revision(shelf):
    found = registry.revisions("red", "judge")
    assert found["judge"].startswith("thing:")
    assert found["judge"] != registry.revision("judge", "blue")
    assert found["judge"] == registry.revision("judge", "red")


def test_a_back_end_gets_those_it_needs_and_has_their_revisions(shelf):
    wardrobe = registry.create("explainer", "red", seed=3)
    assert (wardrobe.judge.colour, wardrobe.seed) == ("red", 3)
    assert registry.revision("explainer", "red") != registry.revision("explainer", "blue")


def test_devices_are_those_of_a_role_and_of_what_it_needs(shelf):
    assert registry.devices("red", "judge", "explainer") == set()
    on_gpu = BaseParams(profile="red", models={"judge": {"device": "cuda"}})
    assert registry.devices(on_gpu, "explainer") == {"cuda"}
    split = BaseParams(profile="red", models={**on_gpu.models, "explainer": {"device": "cpu"}})
    assert registry.devices(split, "explainer") == {"cuda", "cpu"}


def test_modules_are_those_of_a_role_and_of_what_it_needs():
    assert registry.modules("compact", "perceiver") == (
        "stages.models.perceiver.mediapipe.perceiver",
    )
    assert registry.modules("flux", "perceiver", "captioner") == (
        "stages.models.perceiver.grounded.perceiver",
        "stages.models.vocabulary.vlm.vocabulary",
        "stages.models.chat.endpoint_chat",
        "stages.models.captioner.vlm.captioner",
    )
