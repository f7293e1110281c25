"""A tokenizer of a few hundred tokens: byte-pair encoding learnt from our own questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flows.exports.chat.conversations import load_questions

IMAGE_TOKENS = {"start_image_token": "<img>", "end_image_token": "</img>",
                "context_image_token": "<IMG_CONTEXT>", "video_token": "<video>"}  # fmt: skip
SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|image_pad|>", "<|video_pad|>", *IMAGE_TOKENS.values()),
)
SIZE = 768


def make_tokenizer() -> Any:
    """Make the tokenizer; a digit is a token, as Qwen's has it."""
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_list_texts(), trainer)
    names: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **names, extra_special_tokens=IMAGE_TOKENS
    )


def _list_texts() -> Iterator[str]:
    for name, task in load_questions().items():
        if name == "version":
            continue
        for question in task["questions"]:
            yield f"{question} {task['format']}"
    yield "user\nassistant\n"
