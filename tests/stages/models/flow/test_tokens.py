import pytest
import torch

from stages.models.flow.tokens import image_ids, pack, unpack
from stages.models.networks import torchvision_import


@pytest.fixture(scope="module")
def pipeline():
    torchvision_import.prepare()
    from diffusers.pipelines.flux.pipeline_flux import FluxPipeline

    return FluxPipeline


def test_pack_equals_fluxs_packing(pipeline):
    latents = torch.randn(2, 16, 6, 10)
    packed = pipeline._pack_latents(latents, 2, 16, 6, 10)
    assert torch.equal(pack(latents), packed)
    assert torch.equal(unpack(packed, (3, 5)), latents)


def test_image_ids_equal_fluxs_ids(pipeline):
    expected = pipeline._prepare_latent_image_ids(1, 3, 5, torch.device("cpu"), torch.float32)
    assert torch.equal(image_ids((3, 5)), expected)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 x 2"):
        pack(torch.zeros(1, 16, 3, 4))
    with pytest.raises(ValueError, match="grid of 3 x 4"):
        unpack(torch.zeros(1, 11, 64), (3, 4))
