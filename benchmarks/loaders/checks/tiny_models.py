"""Make tiny random models of the real classes with the real processors and tokenizer, offline.

The tokenizer is Qwen's: its vocabulary comes from package ``dashscope``, special tokens have the
ids of Qwen2.5-VL. Image processors have the sizes of the released models' configurations.
"""
# ruff: noqa: E402
# pyright: reportMissingImports=false

from __future__ import annotations

import base64
import importlib.util
from importlib.metadata import files
from pathlib import Path
from typing import Any

SHIM = Path(__file__).parents[3] / "stages/models/networks/torchvision_import.py"
_spec = importlib.util.spec_from_file_location("torchvision_import", SHIM)
_shim = importlib.util.module_from_spec(_spec)  # pyright: ignore[reportArgumentType]
_spec.loader.exec_module(_shim)  # pyright: ignore[reportOptionalMemberAccess]
_shim.prepare()  # torchvision of the registry beside a CPU build of torch

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"),
    *("<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>"),
    *("<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    *("<img>", "</img>", "<IMG_CONTEXT>", "<video>"),
)
"""In the order of Qwen2.5-VL's ids from 151643; then InternVL's."""
INTERNVL = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "IMAGE"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Chat template of Qwen's models without their default system message."""
QWEN_TEMPLATE = CHATML.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
INTERNVL_TEMPLATE = CHATML.replace("IMAGE", "<IMG_CONTEXT>\n")


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make Qwen's tokenizer from the ranks in ``qwen.tiktoken``."""
    path = next(f for f in files("dashscope") or () if f.name == "qwen.tiktoken").locate()
    lines = (line.split() for line in Path(str(path)).read_bytes().splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    letters = bytes_to_unicode()

    def spell(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = []
    for token in ranks:
        cuts = ((token[:n], token[n:]) for n in range(1, len(token)))
        found = [(a, b) for a, b in cuts if a in ranks and b in ranks]
        found.sort(key=lambda cut: (ranks[cut[0]], ranks[cut[1]]))
        merges += [(spell(a), spell(b)) for a, b in found]
    vocabulary = {spell(token): rank for token, rank in ranks.items()}
    tokenizer = Tokenizer(BPE(vocabulary, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in SPECIAL])
    names: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **names, extra_special_tokens=INTERNVL
    )


def save_model(family: str, folder: Path, weights: bool = False) -> Path:
    """Write a tiny model's processor and configuration, and random weights if asked.

    Args:
        family: ``qwen2.5-vl``, ``qwen3-vl`` or ``internvl``.
        folder: where to write; made if it is missing.
        weights: whether to write weights.
    """
    tokenizer_file = folder.parent / "tokenizer"
    if not tokenizer_file.is_dir():
        make_tokenizer().save_pretrained(tokenizer_file)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer_file)
    processor, config, model = {
        "qwen2.5-vl": _qwen2_5, "qwen3-vl": _qwen3, "internvl": _internvl
    }[family](tokenizer)  # fmt: skip
    processor.save_pretrained(folder)
    config.architectures = [model.__name__]
    config.save_pretrained(folder)
    if weights:
        model(config).save_pretrained(folder)
    return folder


def _text(**changes):
    return {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 151936,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32768,
        "tie_word_embeddings": True, **changes,
    }  # fmt: skip


def _qwen2_5(tokenizer):
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    pictures = Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 12845056})
    processor = Qwen2_5_VLProcessor(pictures, tokenizer, Qwen2VLVideoProcessor(), QWEN_TEMPLATE)
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
              "out_hidden_size": 32, "fullatt_block_indexes": [1]}  # fmt: skip
    rope = {"rope_type": "default", "type": "default", "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(text_config=_text(rope_scaling=rope), vision_config=vision)
    return processor, config, Qwen2_5_VLForConditionalGeneration


def _qwen3(tokenizer):
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
    processor = Qwen3VLProcessor(pictures, tokenizer, Qwen3VLVideoProcessor(), QWEN_TEMPLATE)
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
              "out_hidden_size": 32, "deepstack_visual_indexes": [0]}  # fmt: skip
    rope = {"rope_type": "default", "mrope_interleaved": True, "mrope_section": [4, 2, 2]}
    text = _text(rope_scaling=rope, head_dim=16)
    return (
        processor,
        Qwen3VLConfig(text_config=text, vision_config=vision),
        Qwen3VLForConditionalGeneration,
    )


def _internvl(tokenizer):
    from transformers import (
        GotOcr2ImageProcessor,
        InternVLConfig,
        InternVLForConditionalGeneration,
        InternVLProcessor,
        InternVLVideoProcessor,
    )

    pictures = GotOcr2ImageProcessor(
        size={"height": 448, "width": 448}, crop_to_patches=False, max_patches=12,
    )  # fmt: skip
    processor = InternVLProcessor(
        pictures,
        tokenizer,
        InternVLVideoProcessor(),
        image_seq_length=256,
        chat_template=INTERNVL_TEMPLATE,
    )
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
              "num_attention_heads": 2, "image_size": [448, 448],
              "patch_size": [14, 14]}  # fmt: skip
    config = InternVLConfig(
        text_config=_text(model_type="qwen2"), vision_config=vision, image_token_id=151659
    )
    return processor, config, InternVLForConditionalGeneration
