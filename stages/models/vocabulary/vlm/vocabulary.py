"""Ask a vision-language model what is in a photo and which tools may break its parts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar, Literal, get_args

from pydantic import Field

from stages import tools
from stages.models.chat import prompts, views
from stages.models.chat.ask import Answer, ask
from stages.models.chat.request import ChatModel
from stages.models.protocols import Image, WantedEntity, WantedPart
from stages.models.vocabulary.params import VlmVocabularyOptions
from stages.tools import Tool
from stages.tools.aspects.parts import NOWHERE, PartsAspect

PROMPT = Path(__file__).with_name("vocabulary.md")
_NAME = re.compile(r"[a-z]+(?:[ '-][a-z]+){0,3}")
_PLACE = re.compile(r"\b(?:box|corner|top|bottom|pixels?|background|scene|photo|image|picture)\b")


NamedTool = Literal["add", "remove", "distort"]
NAMED_TOOLS: tuple[NamedTool, ...] = get_args(NamedTool)
"""The tools that the template ``vocabulary.md`` names. Another tool is not asked for: parts get it
if their position, which follows from the tools in the answer, is one that it can break."""


class NamedPart(Answer):
    """A part of a thing."""

    name: str = Field(description="The part in one to three plain words, such as: left ear")
    kind: str = Field(description="The same without left, right, front, rear: ear")
    tools: list[NamedTool]


class NamedEntity(Answer):
    """A thing in the photo."""

    name: str = Field(description="The thing in one to three plain words, such as: dog")
    parts: list[NamedPart]


class VocabularyAnswer(Answer):
    """Things and parts worth breaking."""

    entities: list[NamedEntity]


class VlmVocabulary:
    """Vocabulary (protocols.py) that asks one question per photo."""

    asks: ClassVar[dict[Path, str]] = {PROMPT: "photo"}

    def __init__(self, options: VlmVocabularyOptions, chat: ChatModel) -> None:
        """Use the model `chat`; `options` limit the numbers of entities and parts."""
        self._chat, self._entities, self._parts = chat, options.entities, options.parts

    @classmethod
    def revision(cls, options: VlmVocabularyOptions) -> str:
        """Return a digest of the prompt."""
        return prompts.revision(PROMPT)

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """Return entities by prominence.

        Raises:
            Unusable: no usable answer.
            RejectForNow, FactoryError: raised by `ChatModel.complete`.
        """
        facts = {"entities": str(self._entities), "parts": str(self._parts)}
        pictures = [views.png(image)]
        reply = ask(
            self._chat, prompts.load(PROMPT), facts, pictures, VocabularyAnswer, find_problems
        )
        wanted = [_convert(entity, self._parts) for entity in reply.value.entities]
        return wanted[: self._entities]


def find_problems(answer: VocabularyAnswer) -> list[str]:
    """Return the problems of an answer, worded for the model: invalid names, duplicates, parts
    without tools."""
    found = []
    names = [entity.name for entity in answer.entities]
    found += [f"{name!r} is listed twice" for name in sorted(set(names)) if names.count(name) > 1]
    for entity in answer.entities:
        parts = [part.name for part in entity.parts]
        for name in (entity.name, *parts, *(part.kind for part in entity.parts)):
            if not _NAME.fullmatch(name) or _PLACE.search(name):
                found.append(f"{name!r} is not one to four plain lower-case words for a thing")
        for name in sorted(set(parts)):
            if parts.count(name) > 1:
                found.append(f"{entity.name}: {name!r} is listed twice")
        for part in entity.parts:
            problems = _find_part_problems(part, entity.name)
            found += [f"{entity.name}: {problem}" for problem in problems]
    return found


def _find_part_problems(part: NamedPart, entity: str) -> list[str]:
    found = []
    if part.name == entity:
        found.append(f"{part.name!r} is the thing itself, not a part")
    if not part.tools:
        found.append(f"{part.name!r} has no tool")
    if not f" {part.name} ".endswith(f" {part.kind} "):
        found.append(f"the kind of {part.name!r} cannot be {part.kind!r}")
    return found


def _convert(entity: NamedEntity, max_parts: int) -> WantedEntity:
    parts = entity.parts[:max_parts]
    return WantedEntity(
        entity.name,
        tuple(WantedPart(part.name, part.kind, _find_tools(part)) for part in parts),
    )


def _find_tools(part: NamedPart) -> tuple[Tool, ...]:
    """Return the tools in the answer, and those that the question does not name and that can break
    parts in the same position."""
    aspects = tools.by_tool(PartsAspect)
    position = NOWHERE
    for tool in part.tools:
        position |= aspects[tool].position
    return tuple(
        tool
        for tool, parts in aspects.items()
        if tool in part.tools or (tool not in NAMED_TOOLS and parts.position & position)
    )
