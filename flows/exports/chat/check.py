"""Check every conversation before it is written: what trainers report after minutes, or never."""

from __future__ import annotations

import json
import math
from pathlib import Path

from flows.exports.chat.conversations import IMAGE, Conversation
from flows.exports.chat.targets import Target, count_tokens, find_size, read_box, write_box
from stages.engine.workspace import FactoryError

MAX_TOKENS = 2048
"""Maximum estimate per conversation: the default cutoff of LLaMA-Factory, beyond which picture
tokens are cut off."""
_CHARACTERS_PER_TOKEN, _TEMPLATE_TOKENS = 2.0, 40


def estimate_tokens(conversation: Conversation, target: Target, max_pixels: int) -> int:
    """Estimate the tokens of pictures, question and answer, rather too many than too few.

    Qwen's tokenizer makes a token of every digit; of the rest it makes 2.2 characters or more.
    """
    pictures = sum(count_tokens(p.size, target, max_pixels) for p in conversation.pictures)
    text = conversation.question + conversation.text
    digits = sum(character.isdigit() for character in text)
    others = math.ceil((len(text) - digits) / _CHARACTERS_PER_TOKEN)
    return pictures + digits + others + _TEMPLATE_TOKENS


def check(conversation: Conversation, files: list[Path], target: Target, max_pixels: int) -> None:
    """Check a conversation whose pictures were written to `files`.

    Raises:
        FactoryError: the number of placeholders differs from that of the pictures; a file is
            missing; the model would resize a picture again; the answer is not JSON; a box is
            outside its picture or does not survive being written; too many tokens.
    """
    problem = (
        _check_pictures(conversation, files, target, max_pixels)
        or _check_boxes(conversation, target)
        or _check_answer(conversation)
    )
    tokens = estimate_tokens(conversation, target, max_pixels)
    if not problem and tokens > MAX_TOKENS:
        problem = f"about {tokens} tokens, at most {MAX_TOKENS}: choose a smaller --max-pixels"
    if problem:
        raise FactoryError(f"{conversation.id}: {problem}")


def _check_pictures(
    conversation: Conversation, files: list[Path], target: Target, max_pixels: int
) -> str:
    pictures = conversation.pictures
    if conversation.question.count(IMAGE) != len(pictures) or len(files) != len(pictures):
        return f"{conversation.question.count(IMAGE)} placeholders for {len(pictures)} pictures"
    for picture, file in zip(pictures, files, strict=True):
        if not file.is_file():
            return f"{file.name} was not written"
        if find_size(*picture.size, target, max_pixels) != picture.size:
            return f"the model would resize {file.name} of {picture.size} again"
    return ""


def _check_boxes(conversation: Conversation, target: Target) -> str:
    for label, box, number in conversation.regions:
        size = conversation.pictures[number].size
        if not (0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]):
            return f"the box of {label}, {box}, is outside the picture of {size}"
        if str(write_box(box, size, target)) not in f"{conversation.question} {conversation.text}":
            return f"the box of {label} is not in the text"
        if _rounding_error(box, size, target) > 1:
            return f"the box of {label} is read back more than a pixel away"
    return ""


def _rounding_error(box: tuple[int, int, int, int], size: tuple[int, int], target: Target) -> float:
    """Return by how many steps of the convention a box moves when it is written and read."""
    step = 1.0 if target.boxes == "pixels" else max(1.0, max(size) / 1000)
    back = read_box(write_box(box, size, target), size, target)
    return max(abs(a - b) for a, b in zip(back, box, strict=True)) / step


def _check_answer(conversation: Conversation) -> str:
    try:
        found = json.loads(conversation.text)
    except ValueError:
        return "the answer is not JSON"
    return "" if found == conversation.answer else "the answer changes when it is parsed"
