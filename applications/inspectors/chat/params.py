"""Section ``inspectors.chat`` of applications/params.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from stages.engine.section import Section
from stages.models.chat.params import EndpointOptions, LocalChatOptions


class Endpoint(EndpointOptions):
    """A model behind an OpenAI-compatible endpoint."""

    backend: Literal["openai"]


class Local(LocalChatOptions):
    """A model in this process."""

    backend: Literal["transformers"]


class ChatParams(Section):
    """The model, and the picture that it gets."""

    model: Annotated[Endpoint | Local, Field(discriminator="backend")]
    side: int = Field(default=1024, ge=64, le=8192)
    """Longest side in pixels of the picture that is sent; larger ones are scaled down."""
