import numpy as np
import pytest
import torch

from benchmarks.full_shape import FLUX, Shape, make_random_flow
from benchmarks.workload import make_synthetic_task

TINY = Shape(
    transformer={
        **FLUX.transformer,
        "num_layers": 1,
        "num_single_layers": 3,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 8,
        "pooled_projection_dim": 8,
        "axes_dims_rope": (4, 6, 6),
    },
    autoencoder={
        **FLUX.autoencoder,
        "block_out_channels": (8, 8, 8, 8),
        "layers_per_block": 1,
        "norm_num_groups": 4,
    },
    text=5,
)
SIDE = 128
TOKENS = (SIDE // 16) ** 2


@pytest.fixture(scope="session")
def tiny_shape():
    return TINY


@pytest.fixture(scope="session")
def flow():
    """A tiny random model of FLUX.1-dev's classes and options, whose pictures have contrast."""
    torch.set_num_threads(1)
    flow = make_random_flow(TINY, torch.float32, torch.device("cpu"))
    with torch.no_grad():
        for parameter in flow.vae.decoder.conv_out.parameters():
            parameter.mul_(8)
    return flow


@pytest.fixture
def task():
    return make_synthetic_task(SIDE, share=0.25, margin=1, variants=8)


class Pixels:
    """A metric without a network."""

    def distance(self, a, b):
        return float(np.abs(a.astype(float) - b).mean() / 255)


@pytest.fixture
def metric():
    return Pixels()
