"""Options of the chat models in a profile."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stages.models.options import Device, Dtype, Name, Options, find_unknown_model
from stages.models.weights import hub

RESERVED = frozenset({"model", "messages", "response_format", "stream", "n"})
"""Request parameters that a profile may not set."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""Pattern of the name of an environment variable."""
_SECRET: dict[str, Any] = {"writeOnly": True}
"""Marks values that messages must not repeat, because they may contain a key."""


def check_http_address(url: str) -> str:
    """Return `url` if it is an http address without a key.

    Raises:
        ValueError: it is not; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and parts.hostname
    except ValueError:
        known = parts = None
    if not known or parts is None:
        raise ValueError("`base_url` is no http address")
    if parts.username or parts.password or parts.query:
        raise ValueError("`base_url` must hold no key; put it in an environment variable")
    return url


def check_variable_name(name: str) -> str:
    """Return `name` if it is a valid name of an environment variable.

    Raises:
        ValueError: it is not; the message does not repeat it, because it may be the key itself.
    """
    if name and not VARIABLE.fullmatch(name):
        raise ValueError("`key` is the name of an environment variable, such as MY_API_KEY")
    return name


def check_request_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return `parameters` if they may be sent with every request.

    Raises:
        ValueError: one of them is set by the client, or is not JSON.
    """
    if wrong := sorted(RESERVED & parameters.keys()):
        raise ValueError(f"`parameters` may not set {', '.join(wrong)}")
    if not all(_is_finite(value) for value in parameters.values()):
        raise ValueError("`parameters` must be finite numbers, words, lists and mappings")
    return parameters


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_finite(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


class EndpointOptions(Options):
    """Options of the back end ``openai``."""

    name: Name
    base_url: Annotated[
        str, Field(max_length=1000, json_schema_extra=_SECRET), AfterValidator(check_http_address)
    ]
    key: Annotated[str, Field(json_schema_extra=_SECRET), AfterValidator(check_variable_name)] = ""
    structured: Literal["json_schema", "json_object", "prompt"] = "json_schema"
    parameters: Annotated[dict[str, Any], AfterValidator(check_request_parameters)] | None = None

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Check that the key is in the environment."""
        if self.key and not os.environ.get(self.key):
            yield "key", f"set the environment variable {self.key} to the endpoint's key"


class LocalChatOptions(Options):
    """Options of the back end ``transformers``."""

    name: Name
    revision: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    dtype: Dtype = "bfloat16"
    device: Device = "cpu"
    max_tokens: int = Field(default=1024, ge=1, le=65_536)

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Check that the model is on this machine."""
        yield from find_unknown_model("name", hub.with_revision(self.name, self.revision))
