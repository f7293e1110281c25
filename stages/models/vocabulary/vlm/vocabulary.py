"""What is in a photo and which tool may break it, asked of a vision-language model."""

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
"""Tools that the template ``vocabulary.md`` names. Its text stays as it is when a tool is added:
the new one is given to parts of the positions that these are answered for."""


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
    """Vocabulary (protocols.py) from one question a photo."""

    asks: ClassVar[dict[Path, str]] = {PROMPT: "photo"}

    def __init__(self, options: VlmVocabularyOptions, chat: ChatModel) -> None:
        """Ask `chat` for at most so many entities, and parts of each."""
        self._chat, self._entities, self._parts = chat, options.entities, options.parts

    @classmethod
    def revision(cls, options: VlmVocabularyOptions) -> str:
        """The prompt's."""
        return prompts.revision(PROMPT)

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """Entities by prominence.

        Raises:
            Unusable: no usable answer.
            RejectForNow, FactoryError: as `ChatModel.complete` does.
        """
        facts = {"entities": str(self._entities), "parts": str(self._parts)}
        reply = ask(
            self._chat, prompts.load(PROMPT), facts, [views.png(image)], VocabularyAnswer, problems
        )
        wanted = [_entity(entity, self._parts) for entity in reply.value.entities]
        return wanted[: self._entities]


def problems(answer: VocabularyAnswer) -> list[str]:
    """What is wrong with a list: names that are no names, doubles, parts without a tool."""
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
            found += [f"{entity.name}: {problem}" for problem in _part_problems(part, entity.name)]
    return found


def _part_problems(part: NamedPart, entity: str) -> list[str]:
    found = []
    if part.name == entity:
        found.append(f"{part.name!r} is the thing itself, not a part")
    if not part.tools:
        found.append(f"{part.name!r} has no tool")
    if not f" {part.name} ".endswith(f" {part.kind} "):
        found.append(f"the kind of {part.name!r} cannot be {part.kind!r}")
    return found


def _entity(entity: NamedEntity, parts: int) -> WantedEntity:
    return WantedEntity(
        entity.name,
        tuple(WantedPart(part.name, part.kind, _tools(part)) for part in entity.parts[:parts]),
    )


def _tools(part: NamedPart) -> tuple[Tool, ...]:
    """The tools that were answered, and those that the question does not name where they break
    parts of the same position."""
    found = tools.by_tool(PartsAspect)
    position = NOWHERE
    for tool in part.tools:
        position |= found[tool].position
    return tuple(
        tool
        for tool, parts in found.items()
        if tool in part.tools or (tool not in NAMED_TOOLS and parts.position & position)
    )
