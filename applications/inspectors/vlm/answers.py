"""What each task's answer must be: nothing but JSON of exactly this form.

The same schemas check the answers of a training set and those of a model.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from flows.exports.chat.targets import Target

_FENCE = re.compile(r"\s*```(?:json)?\n(.*)\n```\s*", re.DOTALL)
FULL = 1000
"""Right and lower edge of a picture whose boxes are in thousandths."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Detection(_Answer):
    """Whether the picture is flawed."""

    flawed: bool


class Place(_Answer):
    """A flaw's box in the target's convention, and what it is."""

    bbox_2d: list[int]
    label: str


class Words(_Answer):
    """What is wrong in a region."""

    explanation: str


class Overall(_Answer):
    """Whether the picture is flawed, and why or why not."""

    flawed: bool
    explanation: str


class Comparison(_Answer):
    """Which of two pictures is flawed, where and why."""

    flawed_picture: Literal[1, 2]
    flaws: list[Place]
    explanation: str


TASKS: dict[str, TypeAdapter[Any]] = {
    "detection": TypeAdapter(Detection),
    "localisation": TypeAdapter(list[Place]),
    "region": TypeAdapter(Words),
    "overall": TypeAdapter(Overall),
    "pair": TypeAdapter(Comparison),
}
"""The tasks of the exported conversations."""


def parse(task: str, text: str) -> Any:
    """Parse an answer.

    Args:
        task: a key of `TASKS`.
        text: the whole answer; a code fence around it is no part of it.

    Raises:
        ValueError: it is not JSON of the task's form; one line that says what is wrong.
    """
    fenced = _FENCE.fullmatch(text)
    try:
        return TASKS[task].validate_json(fenced[1] if fenced else text.strip())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def check_box(box: list[int], size: tuple[int, int], target: Target) -> None:
    """Check a box of an answer about a picture of `size` (width, height), as the model saw it.

    Raises:
        ValueError: it has not four sides, is empty, or leaves the picture.
    """
    width, height = size if target.boxes == "pixels" else (FULL, FULL)
    if len(box) != 4 or not (0 <= box[0] < box[2] <= width and 0 <= box[1] < box[3] <= height):
        raise ValueError(f"{box} is no box inside {width} x {height}")


def say_yes_or_no(task: str, answer: Any) -> str:
    """Return which of its two kinds an answer is: yes or no, or which picture is flawed, first or
    second; empty for a task that has only one kind."""
    if isinstance(answer, Detection | Overall):
        return "yes" if answer.flawed else "no"
    if task == "localisation":
        return "yes" if answer else "no"
    if isinstance(answer, Comparison):
        return "first" if answer.flawed_picture == 1 else "second"
    return ""
