"""Ask a question until the answer passes: JSON, schema, checks.

An answer that does not fit the JSON schema may be repaired once, and an answer that fails the
checks is requested again once. A question takes one call, and at most three.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.engine.stage import RejectPhoto
from stages.models.chat.codes import AskCode
from stages.models.chat.prompts import Prompt
from stages.models.chat.request import ChatAnswer, ChatModel, ChatRequest, Example
from stages.models.chat.usage import note_answers

_MAX_EVIDENCE = 4000
"""Maximum number of characters of a raw answer that are kept as evidence."""
_JSON = re.compile(r"\{.*\}", re.DOTALL)


class Answer(BaseModel):
    """Base of the schemas of answers: unknown fields are errors.

    Docstrings and field descriptions go to the model with the JSON schema. The schemas have no
    bounds, because not every server's structured output supports them; `ask` checks instead. Every
    field is required, in the order in which the model should reason.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=Answer)


class Unusable(RejectPhoto):
    """The model refused, or no answer passed; `evidence` holds the raw answers."""


@dataclass(frozen=True)
class Reply(Generic[T]):
    """A usable answer."""

    value: T
    model: str
    """Name of the model as reported by the server."""


def ask(
    chat: ChatModel,
    prompt: Prompt,
    facts: dict[str, str],
    images: Sequence[bytes],
    answer: type[T],
    check: Callable[[T], list[str]] = lambda value: [],
    examples: Sequence[Example] = (),
) -> Reply[T]:
    """Ask until the answer is usable, at most three times; what it took is noted (`usage`).

    Args:
        chat: the model.
        prompt: the template.
        facts: values of its slots.
        images: PNG files in the order in which the prompt mentions them.
        answer: the schema.
        check: returns what is wrong with an answer, phrased for the model; empty if it is usable.
        examples: questions of the same template with their answers, which are sent first.

    Raises:
        Unusable: there is no usable answer.
        RejectForNow, FactoryError: see `ChatModel.complete`.
    """
    request = ChatRequest(
        purpose=prompt.name,
        prompt=prompt.id,
        system=prompt.system,
        user=prompt.fill(facts),
        images=tuple(images),
        schema=answer.model_json_schema(),
        examples=tuple(examples),
    )
    answers: list[ChatAnswer] = []
    try:
        return _converse(chat, prompt, request, answer, check, answers)
    finally:
        note_answers(prompt.id, answers)


def _converse(
    chat: ChatModel,
    prompt: Prompt,
    request: ChatRequest,
    answer: type[T],
    check: Callable[[T], list[str]],
    answers: list[ChatAnswer],
) -> Reply[T]:
    """Ask as `ask` does; add the model's answers to `answers`."""
    remaining = {"repair": 1, "recheck": 1}
    while True:
        response = chat.complete(request)
        answers.append(response)
        raw = [each.text[:_MAX_EVIDENCE] for each in answers]
        if response.refusal:
            raise _make_error(AskCode.REFUSED, chat, prompt, raw, [response.refusal])
        value, problems = _parse(response, answer)
        if value is not None and not problems:
            problems = check(value)
        if value is not None and not problems:
            return Reply(value, response.model)
        kind = "repair" if value is None else "recheck"
        if not remaining[kind]:
            raise _make_error(AskCode.UNUSABLE, chat, prompt, raw, problems)
        remaining[kind] -= 1
        request = request.follow_up(response.text, _complaint(kind, problems))


def one_line(text: str) -> str:
    """Replace line breaks and runs of whitespace in `text` by single spaces."""
    return " ".join(text.split())


def _parse(response: ChatAnswer, answer: type[T]) -> tuple[T | None, list[str]]:
    """Return the answer, or what is wrong with it. Text or fences around the JSON are ignored."""
    found = _JSON.search(response.text)
    if found is None:
        return None, ["there is no JSON object in it"]
    try:
        return answer.model_validate_json(found[0]), []
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, e['loc'])) or 'JSON'}: {e['msg']}" for e in error.errors()[:5]
        ]
        return None, problems + (["it was cut off: be shorter"] if response.cut_off else [])


def _complaint(kind: str, problems: list[str]) -> str:
    listed = "\n".join(f"- {problem}" for problem in problems)
    if kind == "repair":
        return (
            f"That was not the JSON object that was asked for:\n{listed}\n"
            "Answer again, with nothing but the JSON object."
        )
    return f"That answer cannot be used:\n{listed}\nAnswer again in the same form, without this."


def _make_error(
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
