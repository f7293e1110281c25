import pytest

from stages.models.flow.backend import DiffusersFlow
from stages.models.flow.params import FlowOptions
from stages.models.weights import hub, packages


def test_a_flow_folder_is_found_from_any_directory(monkeypatch, tmp_path, flow_folder):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "ROOT", flow_folder.parent)
    first = DiffusersFlow.revision(FlowOptions(name=flow_folder.name))
    assert len(first) == 64 and first == DiffusersFlow.revision(FlowOptions(name=str(flow_folder)))


def test_a_flow_of_the_hub_is_its_commit_and_needs_nothing_here():
    name = "black-forest-labs/FLUX.1-dev"
    assert DiffusersFlow.revision(FlowOptions(name=name)).startswith(f"{name}@")
    assert DiffusersFlow.weights(FlowOptions(name=name)) == [name]
    assert DiffusersFlow.weights(FlowOptions(name="weights/compact")) == []


def test_damaged_flow_weights_are_an_error_that_says_the_remedy(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(packages.WeightsError, match=r"(?s)vae: cannot load.*restore its folder"):
        DiffusersFlow(FlowOptions(name=str(folder)))
