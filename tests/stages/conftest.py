"""A diffusers folder of FLUX's geometry with random weights, small enough for unit tests."""

from pathlib import Path

import pytest


def save_tiny_flow(folder: Path, latent_channels: int = 16) -> Path:
    import torch

    from stages.models import flow

    torch.manual_seed(0)
    transformer = flow.FluxTransformer2DModel(
        in_channels=4 * latent_channels,
        num_layers=1,
        num_single_layers=3,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=8,
        pooled_projection_dim=8,
        axes_dims_rope=(4, 6, 6),
    )
    with torch.no_grad():
        for parameter in transformer.parameters():
            parameter.normal_(std=0.15)
    vae = flow.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=latent_channels,
        norm_num_groups=4,
        scaling_factor=0.5,
        shift_factor=0.1,
        mid_block_add_attention=False,
    )
    scheduler = flow.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    transformer.save_pretrained(folder / "transformer")
    vae.save_pretrained(folder / "vae")
    scheduler.save_pretrained(folder / "scheduler")
    return folder


@pytest.fixture(scope="session")
def flow_folder(tmp_path_factory):
    return save_tiny_flow(tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="session")
def make_flow_folder():
    return save_tiny_flow


@pytest.fixture(scope="session")
def flow(flow_folder):
    import torch

    from stages.models.flow import Flow

    torch.set_num_threads(1)
    return Flow.load(flow_folder)
