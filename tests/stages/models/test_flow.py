import numpy as np
import pytest
import torch

from stages.models import flow as module
from stages.models.flow import Flow


def picture(height=32, width=48):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_encode_is_the_normalised_mode_and_decode_its_inverse(flow):
    pixels = torch.from_numpy(picture()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        mode = flow.vae.encode(pixels).latent_dist.mode()
        decoded = flow.vae.decode(mode).sample
    tokens = flow.encode(picture())
    assert tokens.shape == (1, 6, 64)
    assert torch.equal(module.unpack(tokens, (2, 3)), (mode - 0.1) * 0.5)
    pixels = flow.decode(tokens, (2, 3))
    assert pixels.shape == (1, 32, 48, 3) and pixels.dtype == np.float32
    expected = ((decoded[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255)
    np.testing.assert_allclose(pixels[0], expected, atol=1e-3)


def test_shift_is_linear_in_the_token_count(flow):
    assert flow.shift(256) == pytest.approx(0.5)
    assert flow.shift(4096) == pytest.approx(1.15)
    assert flow.shift(2176) == pytest.approx((0.5 + 1.15) / 2)


def test_sides_that_are_no_whole_tokens_are_refused(flow):
    with pytest.raises(ValueError, match="16 px"):
        flow.encode(picture(32, 40))


def test_another_geometry_is_refused(tmp_path, make_flow_folder):
    with pytest.raises(ValueError, match="latent_channels"):
        Flow.load(make_flow_folder(tmp_path, latent_channels=4))


def test_pickled_weights_are_not_loaded(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(OSError, match="safetensors"):
        Flow.load(folder)
