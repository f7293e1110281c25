import json

import pytest
import torch

from applications.inspectors.compact import weights
from applications.inspectors.compact.network import InspectorNetwork
from stages.engine.workspace import FactoryError
from stages.models.networks.efficientnet import EfficientNetLite0
from stages.tools import TOOLS


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    network = InspectorNetwork(EfficientNetLite0(), len(TOOLS), width=8).eval()
    weights.save(tmp_path, network, weights.Config(width=8, pixel_threshold=0.3))
    return tmp_path, network


def test_what_is_saved_is_loaded(saved):
    folder, network = saved
    loaded, config = weights.load(folder)
    assert config == weights.Config(width=8, pixel_threshold=0.3)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(loaded(x).evidence, network(x).evidence, rtol=0.1, atol=0.1)


def test_other_tools_are_refused(saved):
    folder, _ = saved
    config = json.loads((folder / weights.CONFIG).read_text())
    (folder / weights.CONFIG).write_text(json.dumps(config | {"tools": ["melt"]}))
    with pytest.raises(FactoryError, match=r"know the tools melt"):
        weights.load(folder)


@pytest.mark.parametrize("name", [weights.CONFIG, weights.TENSORS])
def test_missing_and_truncated_files_are_named(saved, name):
    folder, _ = saved
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(FactoryError, match=str(folder)):
        weights.load(folder)
    (folder / name).unlink()
    with pytest.raises(FactoryError, match=str(folder)):
        weights.load(folder)
