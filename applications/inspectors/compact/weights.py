"""Save and load the compact inspector: `inspector.safetensors` (float16) and `config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from applications.inspectors.compact.network import InspectorNetwork
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError
from stages.models.networks.efficientnet import EfficientNetLite0
from stages.tools import TOOLS

TENSORS = "inspector.safetensors"
CONFIG = "config.json"
FOLDER = Path(__file__).parents[3] / "weights" / "inspector"
"""The weights that git tracks."""


class Platt(BaseModel):
    """Logistic calibration (Platt 1999) of a logit x: probability = sigmoid(slope x + offset)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float = Field(gt=0)
    offset: float


class Config(BaseModel):
    """What belongs to the weights: measured on pictures that the network was not trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tools: tuple[str, ...] = TOOLS
    width: int = Field(default=96, ge=8, le=1024)
    short_side: int = Field(default=448, ge=32, le=4096)
    """Pictures with a longer short side are scaled down to it, in pixels."""
    picture: Platt = Platt(slope=1.0, offset=0.0)
    """Calibration of the picture's score."""
    pixel_threshold: float = Field(default=0.5, gt=0, lt=1)
    """Minimum probability of a pixel that counts as flawed."""
    cut: float = Field(default=0.5, gt=0, lt=1)
    """Minimum probability of the pixels of a region."""
    region_threshold: float = Field(default=0.5, gt=0, lt=1)
    """Minimum score of a region that counts."""
    trained_on: str = ""
    """Digest of the manifest that it was trained on, and its number of pairs."""


def save(folder: Path, network: InspectorNetwork, config: Config) -> None:
    """Write the weights as float16, and the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    save_file(tensors, folder / TENSORS)
    write_atomically(folder / CONFIG, (config.model_dump_json(indent=1) + "\n").encode())


def load(folder: Path = FOLDER) -> tuple[InspectorNetwork, Config]:
    """Load the network, for inference, and its configuration.

    Raises:
        FactoryError: the weights are missing, damaged or of another version.
    """
    try:
        config = Config.model_validate_json((folder / CONFIG).read_bytes())
        tensors = load_file(folder / TENSORS)
        if config.tools != TOOLS:
            raise ValueError(f"they know the tools {', '.join(config.tools)}")
        network = InspectorNetwork(EfficientNetLite0(), len(config.tools), config.width)
        network.load_state_dict({name: _widen(value) for name, value in tensors.items()})
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise FactoryError(f"cannot load the inspector's weights in {folder}: {error}") from error
    network.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last), config  # pyright: ignore


def _widen(value: Tensor) -> Any:
    return value.float() if value.is_floating_point() else value
