"""Make transformers' SAM-HQ (Ke et al. 2023) compute what the authors' code does: convert their
checkpoints, and repair the mask decoder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

ENCODERS: dict[str, dict[str, Any]] = {
    "sam-hq-vit-b": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
                     "global_attn_indexes": (2, 5, 8, 11)},
    "sam-hq-vit-l": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
                     "global_attn_indexes": (5, 11, 17, 23)},
    "sam-hq-vit-h": {"hidden_size": 1280, "num_hidden_layers": 32, "num_attention_heads": 16,
                     "global_attn_indexes": (7, 15, 23, 31)},
}  # fmt: skip
"""Shapes of the image encoders of the pinned checkpoints."""
_MLP_LAYERS = {"0": "proj_in", "1": "layers.0", "2": "proj_out"}
_RENAMES = (
    (r"^image_encoder\.", "vision_encoder."),
    (r"\.blocks\.", ".layers."),
    (r"\.patch_embed\.proj\.", ".patch_embed.projection."),
    (r"\.neck\.0\.", ".neck.conv1."),
    (r"\.neck\.1\.", ".neck.layer_norm1."),
    (r"\.neck\.2\.", ".neck.conv2."),
    (r"\.neck\.3\.", ".neck.layer_norm2."),
    (r"\.norm", ".layer_norm"),
    (r"\.pe_layer\.positional_encoding_gaussian_matrix$",
     ".shared_embedding.positional_embedding"),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"\.hf_token\.", ".hq_token."),
    (r"\.hf_mlp\.", ".hq_mask_mlp."),
    (r"\.compress_vit_feat\.0\.", ".compress_vit_conv1."),
    (r"\.compress_vit_feat\.1\.", ".compress_vit_norm."),
    (r"\.compress_vit_feat\.3\.", ".compress_vit_conv2."),
    (r"\.embedding_encoder\.0\.", ".encoder_conv1."),
    (r"\.embedding_encoder\.1\.", ".encoder_norm."),
    (r"\.embedding_encoder\.3\.", ".encoder_conv2."),
    (r"\.embedding_maskfeature\.0\.", ".mask_conv1."),
    (r"\.embedding_maskfeature\.1\.", ".mask_norm."),
    (r"\.embedding_maskfeature\.3\.", ".mask_conv2."),
)  # fmt: skip
"""Patterns of the authors' names and their replacements, applied in this order."""
_MLP = re.compile(
    r"(output_hypernetworks_mlps\.\d+|hq_mask_mlp|iou_prediction_head)\.layers\.([012])\."
)


def make_config(name: str) -> Any:
    """Make transformers' configuration of the checkpoint `name`."""
    from transformers import SamHQConfig

    encoder = ENCODERS[name]
    # the authors' two-way transformer has torch's default eps
    decoder = {"vit_dim": encoder["hidden_size"], "layer_norm_eps": 1e-5}
    return SamHQConfig(vision_config=encoder, mask_decoder_config=decoder)


def build(config: Any, weights: Mapping[str, torch.Tensor]) -> tuple[Any, Any]:
    """Build transformers' SamHQModel of a configuration, and its processor, from the authors'
    weights.

    Raises:
        RuntimeError: the weights are those of another model.
    """
    from transformers import SamHQModel, SamHQProcessor, SamImageProcessor

    model = SamHQModel(config)
    model.load_state_dict(rename_weights(weights), strict=True)
    side = config.vision_config.image_size
    pixels = SamImageProcessor(
        size={"longest_edge": side}, pad_size={"height": side, "width": side}
    )
    return model, SamHQProcessor(pixels)


def repair_decoder(model: Any) -> None:
    """Make the mask decoder of a SamHQModel upscale the image embeddings that its two-way
    transformer returns.

    transformers (5.23) drops them and upscales the input of the transformer, with height and width
    exchanged, so that masks do not fit their boxes. With a corrected version of the library this
    changes nothing.
    """
    decoder = model.mask_decoder
    returned: list[torch.Tensor] = []

    def keep(_: Any, __: Any, output: tuple[torch.Tensor, ...]) -> None:
        returned[:] = [output[1]]  # (images * boxes, 1, tokens, channels)

    def replace(_: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        return (returned.pop().transpose(2, 3).reshape(inputs[0].shape),)

    decoder.transformer.register_forward_hook(keep)
    decoder.upscale_conv1.register_forward_pre_hook(replace)


def rename_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the weights of the authors' checkpoint to those of transformers' SamHQModel."""
    renamed: dict[str, torch.Tensor] = {}
    for name, value in weights.items():
        for pattern, replacement in _RENAMES:
            name = re.sub(pattern, replacement, name)
        name = _MLP.sub(lambda match: f"{match[1]}.{_MLP_LAYERS[match[2]]}.", name)
        renamed[name] = value
    # transformers shares one positional embedding between image and prompts
    shared = "shared_embedding.positional_embedding"
    renamed["shared_image_embedding.positional_embedding"] = renamed[f"prompt_encoder.{shared}"]
    return renamed
