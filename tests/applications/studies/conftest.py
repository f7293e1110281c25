"""A backbone without ImageNet's weights, and the recipe of the smallest training."""

import pytest
import torch

from applications.training.compact import train
from stages.models.networks.efficientnet import EfficientNetLite0

SMALLEST = "--steps 1 --batch 1 --crops 64 --short-side 64 --resamples 20 --validation-pairs 2"


@pytest.fixture(autouse=True)
def random_backbone(monkeypatch):
    torch.manual_seed(0)
    state = EfficientNetLite0().state_dict()

    def load():
        network = EfficientNetLite0()
        network.load_state_dict(state)
        return network

    monkeypatch.setattr(train.efficientnet, "load", load)


@pytest.fixture
def run_study(monkeypatch, published, tmp_path):
    """Run the command of a study on the published set; options are separated by spaces."""

    def run(module, options=""):
        out = tmp_path / "study.json"
        words = f"study --pairs {published} --out {out} {SMALLEST} {options}"
        monkeypatch.setattr("sys.argv", words.split())
        module.main()
        return out

    return run
