"""A question whose answer is usable or refused: JSON, schema, checks.

An answer that is no such JSON may be mended once; one that is but fails the checks is asked for
again once. So a question costs one call, and never more than three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import ValidationError

from stages.engine.stage import RejectPhoto
from stages.models.chat.prompts import Prompt
from stages.models.chat.request import AskCode, ChatAnswer, ChatModel, ChatRequest
from stages.models.chat.schemas import Answer

T = TypeVar("T", bound=Answer)
_LONGEST = 4000
"""Characters of a raw answer that are kept as evidence."""
_JSON = re.compile(r"\{.*\}", re.DOTALL)


class Unusable(RejectPhoto):
    """No usable answer: the model refused, or its answers failed; `evidence` holds them raw."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """A usable answer."""

    value: T
    model: str
    """As the server names it."""


def ask(
    chat: ChatModel,
    prompt: Prompt,
    facts: dict[str, str],
    images: Sequence[bytes],
    answer: type[T],
    check: Callable[[T], list[str]] = lambda value: [],
) -> Reply[T]:
    """Ask until the answer is usable, at most three times.

    Args:
        chat: the model.
        prompt: the template.
        facts: what goes into its slots.
        images: PNG files, in the order in which the prompt speaks of them.
        answer: the schema.
        check: what is wrong with an answer, in words for the model; empty when it will do.

    Raises:
        Unusable: no usable answer.
        RejectForNow, FactoryError: as `ChatModel.complete` does.
    """
    request = ChatRequest(
        purpose=prompt.name,
        prompt=prompt.id,
        system=prompt.system,
        user=prompt.fill(facts),
        images=tuple(images),
        schema=answer.model_json_schema(),
    )
    left = {"repair": 1, "recheck": 1}
    raw: list[str] = []
    while True:
        said = chat.complete(request)
        raw.append(said.text[:_LONGEST])
        if said.refusal:
            raise _unusable(AskCode.REFUSED, chat, prompt, raw, [said.refusal])
        value, problems = _parse(said, answer)
        if value is not None and not problems:
            problems = check(value)
        if value is not None and not problems:
            return Reply(value, said.model)
        kind = "repair" if value is None else "recheck"
        if not left[kind]:
            raise _unusable(AskCode.UNUSABLE, chat, prompt, raw, problems)
        left[kind] -= 1
        request = request.after(said.text, _complaint(kind, problems))


def one_line(text: str) -> str:
    """`text` with single spaces and no line breaks."""
    return " ".join(text.split())


def _parse(said: ChatAnswer, answer: type[T]) -> tuple[T | None, list[str]]:
    """The answer, or what is wrong with it. Words or fences around the JSON are let pass."""
    found = _JSON.search(said.text)
    if found is None:
        return None, ["there is no JSON object in it"]
    try:
        return answer.model_validate_json(found[0]), []
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in error.errors()[:5]
        ]
        return None, problems + (["it was cut off: be shorter"] if said.cut_off else [])


def _complaint(kind: str, problems: list[str]) -> str:
    listed = "\n".join(f"- {problem}" for problem in problems)
    if kind == "repair":
        return (
            f"That was not the JSON object that was asked for:\n{listed}\n"
            "Answer again, with nothing but the JSON object."
        )
    return f"That answer cannot be used:\n{listed}\nAnswer again in the same form, without this."


def _unusable(
    code: AskCode, chat: ChatModel, prompt: Prompt, raw: list[str], problems: list[str]
) -> Unusable:
    what = "refused to answer" if code == AskCode.REFUSED else "gave no usable answer"
    return Unusable(
        code,
        f"{chat.name} {what} ({prompt.name}): {'; '.join(problems)}"[:500],
        purpose=prompt.name,
        model=chat.name,
        prompt=prompt.id,
        answers=raw,
        problems=problems,
    )
