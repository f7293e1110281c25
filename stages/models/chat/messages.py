"""Convert a request into the list of messages that chat models take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stages.models.chat.request import ChatRequest, Example

Message = dict[str, Any]


def build_messages(
    request: ChatRequest, encode_image: Callable[[bytes], dict[str, Any]], schema_in_text: bool
) -> list[Message]:
    """Build the messages: system, examples as earlier questions with their answers, the question
    with its images, then the previous turns.

    Args:
        request: the question.
        encode_image: converts a PNG into a part of a message.
        schema_in_text: add the JSON schema to the system message, if nothing else enforces it.
    """
    system = request.system
    if schema_in_text:
        schema = json.dumps(request.schema, ensure_ascii=False)
        system += f"\n\nAnswer with one JSON object that fits this JSON schema:\n{schema}"
    messages: list[Message] = [{"role": "system", "content": [_text(system)]}]
    for asked in (*request.examples, request):
        question = [*map(encode_image, asked.images), _text(asked.user)]
        messages.append({"role": "user", "content": question})
        if isinstance(asked, Example):
            messages.append({"role": "assistant", "content": [_text(asked.answer)]})
    for turn in request.turns:
        messages.append({"role": "assistant", "content": [_text(turn.answer or "(nothing)")]})
        messages.append({"role": "user", "content": [_text(turn.complaint)]})
    return messages


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}
