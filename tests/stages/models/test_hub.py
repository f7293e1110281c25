import json

import pytest
from stages.models.flow_folder import resolve, revision


def test_revision_follows_weights_and_configuration(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    first = revision(folder)
    assert revision(str(folder)) == first
    config = folder / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.4}))
    second = revision(folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert len({first, second, revision(folder)}) == 3


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        resolve(tmp_path / "nowhere")


def test_a_local_folder_is_taken_as_it_is(flow_folder):
    assert resolve(str(flow_folder)) == flow_folder
