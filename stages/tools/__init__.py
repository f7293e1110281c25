"""Tools: the kinds of flaws, one folder each.

A tool's folder has one file for each *aspect* (``mapping.py``, ``words.py`` ...), with a value
called ``ASPECT`` whose class is in the file of the same name in ``stages/tools/aspects``. An aspect
is imported when it is asked for, so that the stage which maps does not depend on the sentences.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, TypeVar

A = TypeVar("A")

TOOLS = ("add", "remove", "distort", "fuse")
"""All tools. Their order is part of the results: the map stage draws in it."""

if TYPE_CHECKING:
    Tool = str
else:
    Tool = Literal[TOOLS]
"""A tool's name; pydantic refuses any that is not in `TOOLS`."""


def module(tool: str, name: str) -> str:
    """The module in which `tool` declares the aspect `name`."""
    return f"{__name__}.{tool}.{name}"


def modules(*names: str) -> tuple[str, ...]:
    """The modules in which all tools declare these aspects, for `Stage.plugins`."""
    return tuple(module(tool, name) for tool in TOOLS for name in names)


def aspect(tool: str, kind: type[A]) -> A:
    """What `tool` declares as its `kind`, e.g. ``aspect("add", MappingAspect)``."""
    name = kind.__module__.rpartition(".")[2]
    found = importlib.import_module(module(tool, name)).ASPECT
    assert isinstance(found, kind)  # noqa: S101
    return found


def by_tool(kind: type[A]) -> dict[str, A]:
    """`aspect` of all tools, in their order."""
    return {tool: aspect(tool, kind) for tool in TOOLS}
