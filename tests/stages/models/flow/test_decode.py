"""GroupNorm statistics recorded in one decode and applied in another, on all available devices."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from stages.models.flow.decode import apply_statistics, record_statistics
from stages.models.flow.model import AutoencoderKL

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module", params=DEVICES)
def vae(request) -> Any:
    """A small autoencoder with attention in its mid block, channels last as in production."""
    torch.manual_seed(0)
    kind: Any = AutoencoderKL
    model = kind(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        latent_channels=4,
        norm_num_groups=4,
    )
    model.eval().requires_grad_(False)
    return model.to(request.param, memory_format=torch.channels_last)


def latents(vae: Any, seed: int) -> torch.Tensor:
    drawn = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(seed))
    return drawn.to(vae.device).contiguous(memory_format=torch.channels_last)


def test_recording_does_not_change_the_output_and_applying_repeats_it(vae):
    z = latents(vae, 0)
    plain = vae.decode(z).sample
    with record_statistics(vae.decoder) as statistics:
        recorded = vae.decode(z).sample
    with apply_statistics(vae.decoder, statistics):
        repeated = vae.decode(z).sample
    torch.testing.assert_close(recorded, plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(repeated, plain, rtol=1e-4, atol=1e-4)


def test_statistics_of_another_image_change_the_output(vae):
    with record_statistics(vae.decoder) as statistics:
        vae.decode(latents(vae, 0))
    z = latents(vae, 1)
    with apply_statistics(vae.decoder, statistics):
        repeated = vae.decode(3 * z).sample
    assert (repeated - vae.decode(3 * z).sample).abs().max() > 0.01


def test_the_decoder_is_left_as_it_was(vae):
    z = latents(vae, 0)
    before = vae.decode(z).sample
    with record_statistics(vae.decoder):
        vae.decode(z)
    torch.testing.assert_close(vae.decode(z).sample, before)
    assert not any("forward" in vars(module) for module in vae.decoder.modules())
