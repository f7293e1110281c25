"""A request as the list of messages that chat models take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stages.models.chat.request import ChatRequest

Message = dict[str, Any]


def conversation(
    request: ChatRequest, picture: Callable[[bytes], dict[str, Any]], tell_schema: bool
) -> list[Message]:
    """System, question with pictures, then what was said so far.

    Args:
        request: the question.
        picture: a PNG as a part of a message.
        tell_schema: put the JSON schema into the words, where nothing else enforces it.
    """
    system = request.system
    if tell_schema:
        schema = json.dumps(request.schema, ensure_ascii=False)
        system += f"\n\nAnswer with one JSON object that fits this JSON schema:\n{schema}"
    question = [*map(picture, request.images), _text(request.user)]
    messages: list[Message] = [
        {"role": "system", "content": [_text(system)]},
        {"role": "user", "content": question},
    ]
    for turn in request.turns:
        messages.append({"role": "assistant", "content": [_text(turn.answer or "(nothing)")]})
        messages.append({"role": "user", "content": [_text(turn.complaint)]})
    return messages


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}
