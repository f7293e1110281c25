"""Requests to vision-language models and their answers, independent of the back end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from stages.engine.files import canonical_json, sha256


@dataclass(frozen=True)
class Turn:
    """An unusable answer and what is wrong with it."""

    answer: str
    complaint: str


@dataclass(frozen=True)
class Example:
    """A question of the same template with the right answer, sent before the question."""

    user: str
    images: tuple[bytes, ...]
    """PNG files in the order in which `user` mentions them."""
    answer: str
    """JSON that fits the schema."""


@dataclass(frozen=True)
class ChatRequest:
    """One question with its images."""

    purpose: str
    """``vocabulary``, ``caption``, ``verdict`` ...: a column of the ledger."""
    prompt: str
    """Name, version and digest of the template of `system` and `user`."""
    system: str
    user: str
    images: tuple[bytes, ...]
    """PNG files in the order in which `user` mentions them."""
    schema: Mapping[str, Any]
    """JSON schema of the answer."""
    turns: tuple[Turn, ...] = ()
    """Previous answers, oldest first."""
    examples: tuple[Example, ...] = ()

    @property
    def example_pictures(self) -> int:
        """The number of pictures of the examples."""
        return sum(len(example.images) for example in self.examples)

    def follow_up(self, answer: str, complaint: str) -> ChatRequest:
        """Return the request with another turn: the last answer and what is wrong with it."""
        return replace(self, turns=(*self.turns, Turn(answer, complaint)))

    def digest(self, identity: Mapping[str, Any]) -> str:
        """Compute the sha256 of all that affects the answer; `identity`: model and parameters."""
        content = {
            "model": identity,
            "prompt": self.prompt,
            "system": self.system,
            "user": self.user,
            "images": [sha256(image) for image in self.images],
            "schema": self.schema,
            "turns": [[turn.answer, turn.complaint] for turn in self.turns],
        }
        if self.examples:  # answers to questions without examples keep their keys
            content["examples"] = [
                [example.user, [sha256(image) for image in example.images], example.answer]
                for example in self.examples
            ]
        return sha256(canonical_json(content))


@dataclass(frozen=True)
class ChatAnswer:
    """Answer of a model."""

    text: str
    """Raw text: JSON, if the model followed the instructions."""
    model: str
    """Name of the model as reported by the server."""
    refusal: str = ""
    """Why the model refused to answer; empty if it did not."""
    cut_off: bool = False
    """Whether the answer reached the token limit."""
    input_tokens: int | None = None
    """None if the server does not report it."""
    output_tokens: int | None = None
    cost: float | None = None
    """Paid for it, at the prices of that time; None if that is not known."""


class ChatModel(Protocol):
    """A vision-language model."""

    name: str
    """Recorded as the author of its answers."""
    identity: Mapping[str, Any]
    """Model and parameters as JSON values: part of a request's cache key."""

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """Return the model's answer; thread-safe.

        Raises:
            RejectForNow: there is no answer now, but there may be one in a later build.
            FactoryError: further requests are pointless (budget, key, address).
        """
        ...
