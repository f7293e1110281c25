"""Build the compact model's two networks from diffusers' classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stages.models.networks import torchvision_import

torchvision_import.prepare()

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: E402
from diffusers.models.resnet import ResnetBlock2D  # noqa: E402
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel  # noqa: E402

__all__ = ["AutoencoderKL", "FluxTransformer2DModel", "ResnetBlock2D", "autoencoder", "transformer"]

LATENT_CHANNELS = 16


def autoencoder(block_out_channels: tuple[int, ...]) -> AutoencoderKL:
    """Build an AutoencoderKL with FLUX's geometry: 8x down, 16 latent channels, no mid attention.

    The posterior's log-variance starts at -6; otherwise sampling noise would drown the mean at
    first.
    """
    kind: Any = AutoencoderKL  # its annotations require one-element tuples
    model: AutoencoderKL = kind(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=block_out_channels,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=384,
        mid_block_add_attention=False,
    )
    bias = model.quant_conv.bias  # pyright: ignore[reportOptionalMemberAccess]
    with torch.no_grad():
        bias[LATENT_CHANNELS:] = -6.0  # pyright: ignore[reportOptionalSubscript]
        model.quant_conv.weight[LATENT_CHANNELS:] *= 0.1  # pyright: ignore
    return model


def transformer(heads: int, double_blocks: int, single_blocks: int) -> FluxTransformer2DModel:
    """Build a FluxTransformer2DModel of width 64 * heads for 64-channel tokens, without guidance.

    Modulations and the output layer start at zero, so that every block starts as the identity.
    """
    model = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * LATENT_CHANNELS,
        num_layers=double_blocks,
        num_single_layers=single_blocks,
        attention_head_dim=64,
        num_attention_heads=heads,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=False,
        axes_dims_rope=(8, 28, 28),
    )
    zeroed: list[Any] = [model.proj_out, model.norm_out.linear]
    blocks: Any = model.transformer_blocks
    for block in blocks:
        zeroed += [block.norm1.linear, block.norm1_context.linear]
    blocks = model.single_transformer_blocks
    zeroed += [block.norm.linear for block in blocks]
    for layer in zeroed:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return model
