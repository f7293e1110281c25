"""Schemas of answers. Docstrings and field descriptions go to the model with the JSON schema.

The schemas have no bounds, because not every server's structured output supports them; `ask` checks
instead. Every field is required, in the order in which the model should reason.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of all answers: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedPart(Answer):
    """A part of a thing."""

    name: str = Field(description="The part in one to three plain words, such as: left ear")
    kind: str = Field(description="The same without left, right, front, rear: ear")
    tools: list[Literal["add", "remove", "distort"]]


class NamedEntity(Answer):
    """A thing in the photo."""

    name: str = Field(description="The thing in one to three plain words, such as: dog")
    parts: list[NamedPart]


class VocabularyAnswer(Answer):
    """Things and parts worth breaking."""

    entities: list[NamedEntity]


class CaptionAnswer(Answer):
    """What the photo shows."""

    caption: str


class VerdictAnswer(Answer):
    """Whether a flaw came out as intended."""

    reason: str = Field(description="What differs and whether it is the flaw, in a sentence or two")
    perceptible: bool = Field(description="A careful viewer notices a difference from the photo")
    inside_region: bool = Field(description="The difference lies in the marked region")
    looks_like_flaw: bool = Field(description="It looks like the flaw that was intended")


class FlawAnswer(Answer):
    """What is wrong with a flawed picture."""

    local: str = Field(description="What is wrong at that place")
    overall: str = Field(description="Why the picture as a whole is therefore flawed")


class CleanAnswer(Answer):
    """Why a photo is free of flaws."""

    clean: str
