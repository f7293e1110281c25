"""Make a tiny random model of a family's real class, to try the whole way without weights.

    python -m applications.training.vlm.tiny --family qwen2.5-vl --to DIR

It knows nothing and has some 100,000 parameters; its tokenizer is a byte-pair encoding of our
questions, its image processor has the settings of the released models.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch

from applications.inspectors.vlm.families import FAMILIES
from applications.training.vlm.tiny_tokenizer import IMAGE_TOKENS, make_tokenizer
from flows.exports.writing import new_folder
from stages.engine.workspace import FactoryError
from stages.models.networks import torchvision_import

WIDTH, LAYERS = 64, 2
TILE, PATCH = 448, 14
"""Sides in pixels of InternVL's tiles and of their patches; a tile has a token for four patches."""
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "IMAGE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_model(family: str, folder: Path, seed: int = 0) -> None:
    """Write processor and random weights into a folder.

    Args:
        family: key of `FAMILIES`.
        folder: an empty folder.
        seed: of the weights.
    """
    torchvision_import.prepare()
    makers = {"qwen2.5-vl": _qwen2_5, "qwen3-vl": _qwen3, "internvl": _internvl}
    tokenizer = make_tokenizer()
    torch.manual_seed(seed)
    processor, model = makers[family](tokenizer)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    # Larger than the classes' own initial weights: pictures must change the output.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
            if name == "lm_head.weight":  # else no token could get a probability near 1
                parameter.mul_(3)
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


def _text(tokenizer: Any, **changes: Any) -> dict[str, Any]:
    return {
        "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": LAYERS,
        "vocab_size": len(tokenizer), "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": WIDTH // 4, "max_position_embeddings": 32768, "tie_word_embeddings": False,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.pad_token_id, **changes,
    }  # fmt: skip


def _tower(**changes: Any) -> dict[str, Any]:
    return {"depth": LAYERS, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
            "out_hidden_size": WIDTH, **changes}  # fmt: skip


def _qwen_tokens(tokenizer: Any) -> dict[str, Any]:
    names = {"image_token_id": "<|image_pad|>", "video_token_id": "<|video_pad|>",
             "vision_start_token_id": "<|vision_start|>",
             "vision_end_token_id": "<|vision_end|>"}  # fmt: skip
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


_QWEN_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"


def _qwen2_5(tokenizer: Any) -> tuple[Any, Any]:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    pictures = Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 12845056})
    processor = Qwen2_5_VLProcessor(
        pictures, tokenizer, Qwen2VLVideoProcessor(), _CHATML.replace("IMAGE", _QWEN_IMAGE)
    )
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(
        text_config=_text(tokenizer, rope_parameters=rope),
        vision_config=_tower(fullatt_block_indexes=[1]),
        tie_word_embeddings=False,
        **_qwen_tokens(tokenizer),
    )
    return processor, Qwen2_5_VLForConditionalGeneration(config)


def _qwen3(tokenizer: Any) -> tuple[Any, Any]:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    pictures = Qwen2VLImageProcessor(
        size={"shortest_edge": 65536, "longest_edge": 16777216}, patch_size=16,
        image_mean=[0.5] * 3, image_std=[0.5] * 3,
    )  # fmt: skip
    processor = Qwen3VLProcessor(
        pictures, tokenizer, Qwen3VLVideoProcessor(), _CHATML.replace("IMAGE", _QWEN_IMAGE)
    )
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_interleaved": True,
            "mrope_section": [4, 2, 2]}  # fmt: skip
    config = Qwen3VLConfig(
        text_config=_text(tokenizer, rope_parameters=rope),
        vision_config=_tower(deepstack_visual_indexes=[0]),
        tie_word_embeddings=False,
        **_qwen_tokens(tokenizer),
    )
    return processor, Qwen3VLForConditionalGeneration(config)


def _internvl(tokenizer: Any) -> tuple[Any, Any]:
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    pictures = GotOcr2ImageProcessor(
        size={"height": TILE, "width": TILE}, crop_to_patches=False, max_patches=12
    )
    context = IMAGE_TOKENS["context_image_token"]
    processor = InternVLProcessor(
        pictures, tokenizer, InternVLVideoProcessor(),
        image_seq_length=(TILE // PATCH // 2) ** 2,
        chat_template=_CHATML.replace("IMAGE", f"{context}\n"),
    )  # fmt: skip
    config = InternVLConfig(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": LAYERS,
            "num_attention_heads": 2, "image_size": [TILE, TILE], "patch_size": [PATCH, PATCH],
        },
        image_token_id=tokenizer.convert_tokens_to_ids(context),
        tie_word_embeddings=False,
    )  # fmt: skip
    return processor, InternVLForConditionalGeneration(config)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", choices=tuple(FAMILIES), required=True)
    parser.add_argument("--to", type=Path, required=True, help="new folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with new_folder(options.to) as folder:
        write_model(options.family, folder, options.seed)


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(f"tiny: {error}")
