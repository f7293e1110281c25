import pytest
import torch
from tiny_perception import tiny_sam_hq_config, tiny_sam_hq_weights

from stages.models.perceiver.grounded import sam_hq
from stages.models.weights import remote


@pytest.fixture
def model():
    made, _ = sam_hq.build(tiny_sam_hq_config(), tiny_sam_hq_weights())
    sam_hq.repair_decoder(made)
    return made.eval()


def compute_masks(decoder, image, positions, prompts, early):
    """Compute the authors' mask decoder for one image of (1, C, H, W) and prompts of (N, P, C),
    from the parts of transformers' decoder."""
    own = (decoder.iou_token, decoder.mask_tokens, decoder.hq_token)
    count = len(prompts)
    tokens = torch.cat([token.weight for token in own]).expand(count, -1, -1)
    tokens = torch.cat([tokens, prompts], 1)
    points, pixels = decoder.transformer(
        point_embeddings=tokens[None],
        image_embeddings=image.repeat_interleave(count, 0),
        image_positional_embeddings=positions.repeat_interleave(count, 0),
        attention_similarity=None,
    )
    pixels = pixels[:, 0].transpose(1, 2).reshape(count, *image.shape[1:])
    act = decoder.activation
    up = act(decoder.upscale_layer_norm(decoder.upscale_conv1(pixels)))
    up = act(decoder.upscale_conv2(up))
    fine = decoder.mask_conv2(act(decoder.mask_norm(decoder.mask_conv1(up))))
    encoded = decoder.encoder_conv2(act(decoder.encoder_norm(decoder.encoder_conv1(image))))
    early = early.permute(0, 3, 1, 2)
    squeezed = act(decoder.compress_vit_norm(decoder.compress_vit_conv1(early)))
    fine = fine + encoded + decoder.compress_vit_conv2(squeezed)
    masks = torch.einsum("nc,nchw->nhw", decoder.output_hypernetworks_mlps[0](points[0, :, 1]), up)
    return masks + torch.einsum("nc,nchw->nhw", decoder.hq_mask_mlp(points[0, :, 5]), fine)


def test_masks_are_those_of_the_authors_decoder(model):
    torch.manual_seed(2)
    image, positions = torch.randn(2, 1, 16, 4, 4)
    prompts, early = torch.randn(3, 2, 16), torch.randn(1, 4, 4, 16)
    with torch.inference_mode():
        found, _ = model.mask_decoder(
            image_embeddings=image,
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=prompts[None],
            dense_prompt_embeddings=torch.zeros_like(image),
            multimask_output=False,
            hq_token_only=False,
            intermediate_embeddings=[early],
        )
        expected = compute_masks(model.mask_decoder, image, positions, prompts, early)
    torch.testing.assert_close(found[0, :, 0], expected, rtol=1e-4, atol=1e-5)


def test_repairing_twice_changes_nothing(model):
    inputs = {"pixel_values": torch.randn(1, 3, 64, 64), "input_boxes": torch.ones(1, 1, 4)}
    with torch.inference_mode():
        once = model(**inputs, multimask_output=False).pred_masks
        sam_hq.repair_decoder(model)
        twice = model(**inputs, multimask_output=False).pred_masks
    torch.testing.assert_close(once, twice, rtol=1e-4, atol=1e-5)


def test_the_encoder_of_a_renamed_checkpoint_is_that_of_segment_anything(sam_model):
    torch.manual_seed(0)
    pixels = torch.randn(1, 3, 64, 64)
    model, _ = sam_hq.build(tiny_sam_hq_config(), tiny_sam_hq_weights())
    with torch.inference_mode():
        expected = sam_model.image_encoder(pixels)
        embedding, _ = model.eval().get_image_embeddings(pixels)
    torch.testing.assert_close(embedding, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", sam_hq.ENCODERS)
def test_every_checkpoint_of_sam_hq_is_pinned_and_has_a_configuration(name):
    config = sam_hq.make_config(name)
    assert name in remote.catalogue()
    assert config.mask_decoder_config.vit_dim == config.vision_config.hidden_size
    assert config.vision_config.num_hidden_layers - 1 in config.vision_config.global_attn_indexes
