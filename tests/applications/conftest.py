"""A small published data set with all splits: three pairs a photo, some with two flaws."""

from pathlib import Path

import pytest
from published_set import write_set

from stages.package.split import Ratios

RATIOS = Ratios(train=0.4, validation=0.3, test=0.3)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("published") / "package", ratios=RATIOS)


@pytest.fixture
def random_backbone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the compact network from a random backbone instead of ImageNet's weights."""
    import torch

    from applications.training.compact import train
    from stages.models.networks.efficientnet import EfficientNetLite0

    torch.manual_seed(0)
    state = EfficientNetLite0().state_dict()

    def load() -> EfficientNetLite0:
        network = EfficientNetLite0()
        network.load_state_dict(state)
        return network

    monkeypatch.setattr(train.efficientnet, "load", load)
