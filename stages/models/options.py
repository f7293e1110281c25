"""What a back end may be told, by role and name: checked before any model is loaded.

A profile's options and `base.models` in params.yaml end as arguments of a back end's class; numbers
that stand in a stage's own section are none of them. Light: no model library is imported here.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stages.engine.section import Section
from stages.models.weights import hub, remote
from stages.models.weights.packages import WeightsError

RESERVED = frozenset({"model", "messages", "response_format", "stream", "n"})
"""Request parameters that are not a profile's to set."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""Name of an environment variable that holds a key."""
_SECRET: dict[str, Any] = {"writeOnly": True}
"""Values that a message must not repeat: they may be, or hold, a key."""


def http_address(url: str) -> str:
    """`url`, if it is one that holds no key.

    Raises:
        ValueError: it is not.
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


def variable(name: str) -> str:
    """`name`, if it can be an environment variable's; it is not repeated: it may be the key.

    Raises:
        ValueError: it cannot.
    """
    if name and not VARIABLE.fullmatch(name):
        raise ValueError("`key` is the name of an environment variable, such as MY_API_KEY")
    return name


def request_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """`parameters`, if they may be sent along with every request.

    Raises:
        ValueError: they are the client's own to set, or no JSON.
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


Name = Annotated[str, Field(min_length=1, max_length=1000)]
Dtype = Literal["float32", "float16", "bfloat16"]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|(cuda|xpu)(:\d{1,2})?)$")]


class Options(Section):
    """Base of a back end's options."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Other roles that the back end stands on."""

    def missing(self) -> Iterator[tuple[str, str]]:
        """Options that name what is not on this machine, and what is to be done."""
        return iter(())


class NoOptions(Options):
    """Of a back end that takes none."""


class Asks(NoOptions):
    """Of a back end that asks the chat model."""

    needs = ("chat",)


class FlowOptions(Options):
    """flow: diffusers."""

    name: Name
    dtype: Dtype = "float32"
    device: Device = "cpu"
    offload: bool = False
    compile: bool = False

    def missing(self) -> Iterator[tuple[str, str]]:
        """The model's folder."""
        yield from _unknown("name", self.name)

    @property
    def told(self) -> bool:
        """Whether the model can be given a prompt, as far as is known without loading it."""
        folder = hub.local_folder(self.name)
        return folder is None or (folder / "text_encoder").is_dir()


class GroundedOptions(Options):
    """perceiver: grounded."""

    needs = ("vocabulary",)
    detector: Name
    segmenter: Name
    device: Device = "cpu"
    dtype: Dtype = "float32"

    def missing(self) -> Iterator[tuple[str, str]]:
        """The models' folders."""
        yield from _unknown("detector", self.detector)
        if self.segmenter not in remote.catalogue():
            yield from _unknown("segmenter", self.segmenter)


class EndpointOptions(Options):
    """chat: openai."""

    name: Name
    base_url: Annotated[
        str, Field(max_length=1000, json_schema_extra=_SECRET), AfterValidator(http_address)
    ]
    key: Annotated[str, Field(json_schema_extra=_SECRET), AfterValidator(variable)] = ""
    structured: Literal["json_schema", "json_object", "prompt"] = "json_schema"
    parameters: Annotated[dict[str, Any], AfterValidator(request_parameters)] | None = None

    def missing(self) -> Iterator[tuple[str, str]]:
        """The key."""
        if self.key and not os.environ.get(self.key):
            yield "key", f"put the endpoint's key into the environment variable {self.key}"


class LocalChatOptions(Options):
    """chat: transformers."""

    name: Name
    revision: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    dtype: Dtype = "bfloat16"
    device: Device = "cpu"
    max_tokens: int = Field(default=1024, ge=1, le=65_536)

    def missing(self) -> Iterator[tuple[str, str]]:
        """The model's folder."""
        yield from _unknown("name", hub.with_revision(self.name, self.revision))


class VocabularyOptions(Asks):
    """vocabulary: vlm."""

    entities: int = Field(default=4, ge=1, le=20)
    parts: int = Field(default=6, ge=1, le=20)


OPTIONS: dict[tuple[str, str], type[Options]] = {
    ("chat", "openai"): EndpointOptions,
    ("chat", "transformers"): LocalChatOptions,
    ("vocabulary", "words"): NoOptions,
    ("vocabulary", "vlm"): VocabularyOptions,
    ("captioner", "vlm"): Asks,
    ("flow", "diffusers"): FlowOptions,
    ("perceiver", "mediapipe"): NoOptions,
    ("perceiver", "grounded"): GroundedOptions,
    ("metric", "lpips-alex"): NoOptions,
    ("judge", "features"): NoOptions,
    ("judge", "vlm"): Asks,
    ("explainer", "grammar"): NoOptions,
    ("explainer", "vlm"): Asks,
}
"""Role and back end to its options."""


def _unknown(option: str, name: str) -> Iterator[tuple[str, str]]:
    """A model's name that is no folder and no pinned name of the hub."""
    if hub.local_folder(name) is None:
        try:
            hub.find(name)
        except WeightsError as error:
            yield option, str(error)
