"""The base of the options of all back ends.

A back end's options are what a profile, or `base.models` in params.yaml, may set. They are
validated before any model is loaded, so the module that defines them, usually ``params.py`` beside
the back end, imports no model library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stages.engine.section import Section
from stages.models.weights import hub
from stages.models.weights.packages import WeightsError

Name = Annotated[str, Field(min_length=1, max_length=1000)]
"""The name of a model: a folder, or its name at a hub or an endpoint."""
Dtype = Literal["float32", "float16", "bfloat16"]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|(cuda|xpu)(:\d{1,2})?)$")]


class Options(Section):
    """Base of a back end's options."""

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Yield the options that name something missing on this machine, each with a message that
        says what to do."""
        return iter(())


class NoOptions(Options):
    """Options of a back end that takes none."""


def find_unknown_model(option: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield `option` and a message if its value `name` is neither a folder nor a pinned hub
    model."""
    if hub.local_folder(name) is None:
        try:
            hub.find(name)
        except WeightsError as error:
            yield option, str(error)
