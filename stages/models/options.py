"""What the options of all back ends have in common.

A back end's options are what a profile, or `base.models` in params.yaml, may set; they are checked
before any model is loaded. The models of options and params stand in the file ``params.py`` beside
the back end. They are read without a model library: none is imported there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from stages.engine.section import Section
from stages.models.weights import hub
from stages.models.weights.packages import WeightsError

Name = Annotated[str, Field(min_length=1, max_length=1000)]
"""Of a model: its folder, or its name at a hub or an endpoint."""
Dtype = Literal["float32", "float16", "bfloat16"]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|(cuda|xpu)(:\d{1,2})?)$")]


class Options(Section):
    """Base of a back end's options."""

    def find_missing(self) -> Iterator[tuple[str, str]]:
        """Options that name what is not on this machine, each with what to do."""
        return iter(())


class NoOptions(Options):
    """Of a back end that takes none."""


def find_unknown_model(option: str, name: str) -> Iterator[tuple[str, str]]:
    """`option` and what to do, where its value `name` is neither a folder nor a pinned name of the
    hub."""
    if hub.local_folder(name) is None:
        try:
            hub.find(name)
        except WeightsError as error:
            yield option, str(error)
