"""Tiny Grounding DINO, SAM and SAM 2: the real classes with random weights."""

from functools import partial
from pathlib import Path

import pytest

WORDS = ["person", "cat", "dog", "face", "hand", "leg", "tail", "ear", "left", "##s"]
SIDE = 64
"""Input side of the tiny networks in pixels."""


def save_tiny_dino(folder: Path) -> Path:
    """A folder as the hub has it, with a tokenizer that knows `WORDS`."""
    import torch

    from stages.models import vision

    vision.prepare()
    from transformers import (
        BertConfig,
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    # the model's code knows BERT's special tokens by number
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 1012: ".", 1029: "?"}
    tokens = [special.get(i, f"[unused{i}]") for i in range(1030)] + WORDS
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(tokens)})
    torch.manual_seed(0)
    model = GroundingDinoForObjectDetection(
        GroundingDinoConfig(
            backbone_config=SwinConfig(
                embed_dim=8, depths=[1] * 4, num_heads=[1] * 4, window_size=4, image_size=SIDE,
                out_indices=[2, 3, 4], out_features=None,
            ),
            text_config=BertConfig(
                vocab_size=len(tokens), hidden_size=16, num_hidden_layers=1,
                num_attention_heads=2, intermediate_size=16,
            ),
            d_model=32, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=12,
            encoder_n_points=2, decoder_n_points=2, max_text_len=24,
        )
    )  # fmt: skip
    size = {"shortest_edge": SIDE, "longest_edge": 96}
    processor = GroundingDinoProcessor(GroundingDinoImageProcessor(size=size), tokenizer)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_sam():
    """Sam of ``segment_anything``'s own modules."""
    import torch

    from stages.models import vision

    vision.prepare()
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    torch.manual_seed(0)
    return Sam(
        ImageEncoderViT(
            img_size=SIDE, patch_size=16, embed_dim=16, depth=2, num_heads=2, out_chans=16,
            window_size=2, global_attn_indexes=(1,), use_rel_pos=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        ),
        PromptEncoder(
            embed_dim=16, image_embedding_size=(4, 4), input_image_size=(SIDE, SIDE),
            mask_in_chans=4,
        ),
        MaskDecoder(
            transformer_dim=16, iou_head_hidden_dim=16,
            transformer=TwoWayTransformer(depth=1, embedding_dim=16, num_heads=2, mlp_dim=16),
        ),
    )  # fmt: skip


def save_tiny_sam2(folder: Path, video: bool = False) -> Path:
    """A folder as the hub has it: the released ones hold the video model."""
    import torch

    from stages.models import vision

    vision.prepare()
    from transformers import (
        Sam2Config,
        Sam2ImageProcessor,
        Sam2Model,
        Sam2Processor,
        Sam2VideoConfig,
        Sam2VideoModel,
    )

    backbone = {
        "model_type": "sam2_hiera_det_model", "hidden_size": 8, "image_size": [SIDE, SIDE],
        "window_positional_embedding_background_size": [2, 2], "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64], "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 8, 8, 4], "global_attention_blocks": [3],
    }  # fmt: skip
    parts = {
        "vision_config": {
            "model_type": "sam2_vision_model", "backbone_config": backbone,
            "backbone_channel_list": [64, 32, 16, 8], "fpn_hidden_size": 16,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        "prompt_encoder_config": {
            "hidden_size": 16, "image_size": SIDE, "patch_size": 16, "mask_input_channels": 4,
        },
        "mask_decoder_config": {
            "hidden_size": 16, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
    }  # fmt: skip
    torch.manual_seed(0)
    if video:
        memory = {
            "memory_attention_hidden_size": 16, "memory_attention_num_layers": 1,
            "memory_attention_feed_forward_hidden_size": 16, "memory_encoder_hidden_size": 16,
            "memory_encoder_output_channels": 8, "memory_fuser_embed_dim": 16,
            "memory_fuser_intermediate_dim": 16, "memory_attention_rope_feat_sizes": [4, 4],
            "mask_downsampler_embed_dim": 16,
        }  # fmt: skip
        model = Sam2VideoModel(Sam2VideoConfig(**parts, **memory))
    else:
        model = Sam2Model(Sam2Config(**parts))
    pixels = Sam2ImageProcessor(
        size={"height": SIDE, "width": SIDE}, mask_size={"height": 16, "width": 16}
    )
    model.save_pretrained(folder)
    Sam2Processor(pixels).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory):
    return save_tiny_dino(tmp_path_factory.mktemp("dino"))


@pytest.fixture(scope="session")
def sam2_folder(tmp_path_factory):
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2"))


@pytest.fixture(scope="session")
def sam2_video_folder(tmp_path_factory):
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2-video"), video=True)


@pytest.fixture(scope="session")
def sam_model():
    return tiny_sam()
