"""What is asked of a vision-language model and what comes back, whoever runs the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from stages.engine.codes import RejectCode
from stages.engine.files import canonical_json, sha256


class AskCode(RejectCode):
    """Why a question has no usable answer."""

    UNUSABLE = "unusable_answer"
    REFUSED = "refused_to_answer"
    UNAVAILABLE = "model_unavailable"


@dataclass(frozen=True)
class Turn:
    """An answer that would not do, and why."""

    answer: str
    complaint: str


@dataclass(frozen=True)
class ChatRequest:
    """One question with its pictures."""

    purpose: str
    """``vocabulary``, ``caption``, ``verdict`` ...: a column of the ledger."""
    prompt: str
    """Name, version and digest of the template that `system` and `user` came from."""
    system: str
    user: str
    images: tuple[bytes, ...]
    """PNG files, in the order in which `user` speaks of them."""
    schema: Mapping[str, Any]
    """JSON schema of the answer."""
    turns: tuple[Turn, ...] = ()
    """What was answered before, oldest first."""

    def after(self, answer: str, complaint: str) -> ChatRequest:
        """The same question once more, with what was wrong with the last answer."""
        return replace(self, turns=(*self.turns, Turn(answer, complaint)))

    def digest(self, identity: Mapping[str, Any]) -> str:
        """sha256 of all that shapes the answer; `identity` is the model with its parameters."""
        content = {
            "model": identity,
            "prompt": self.prompt,
            "system": self.system,
            "user": self.user,
            "images": [sha256(image) for image in self.images],
            "schema": self.schema,
            "turns": [[turn.answer, turn.complaint] for turn in self.turns],
        }
        return sha256(canonical_json(content))


@dataclass(frozen=True)
class ChatAnswer:
    """What a model said."""

    text: str
    """Raw: JSON, if the model did as it was told."""
    model: str
    """As the server names it."""
    refusal: str = ""
    """Why it will not answer; empty when it did."""
    cut_off: bool = False
    """True when the answer ran into the token limit."""
    input_tokens: int | None = None
    """None where the server does not say."""
    output_tokens: int | None = None


class ChatModel(Protocol):
    """A vision-language model that can be asked."""

    name: str
    """Recorded as the author of what it says."""
    identity: Mapping[str, Any]
    """Model and parameters, as JSON: part of a request's cache key."""

    def complete(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer; safe to call from several threads.

        Raises:
            RejectForNow: no answer could be had; another time it may.
            FactoryError: asking on makes no sense (budget, key, address).
        """
        ...
