"""Tools: the kinds of flaws, one folder each.

A tool's folder has one file per *aspect* (``mapping.py``, ``words.py`` ...). Each file defines
``ASPECT``, an instance of the class in the file of the same name in ``stages/tools/aspects``.
Aspects are imported on first use, so that the map stage does not depend on the sentences.
``released.py`` is no aspect: it holds rules of the released code that ``mapping.py`` uses.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Literal, TypeVar

A = TypeVar("A")

TOOLS = ("add", "remove", "distort", "fuse")
"""All tools. Their order affects the results: the map stage draws in it."""

if TYPE_CHECKING:
    Tool = str
else:
    Tool = Literal[TOOLS]
"""The name of a tool; pydantic rejects any other."""


def module(tool: str, name: str) -> str:
    """Return the name of the module in which `tool` declares the aspect `name`."""
    return f"{__name__}.{tool}.{name}"


def modules(*names: str) -> tuple[str, ...]:
    """Return the names of the modules in which the tools declare these aspects.

    `Stage.plugins` returns them, so that they enter the store's key.
    """
    return tuple(module(tool, name) for tool in TOOLS for name in names)


def aspect(tool: str, kind: type[A]) -> A:
    """Import and return an aspect of a tool, e.g. ``aspect("add", MappingAspect)``."""
    name = kind.__module__.rpartition(".")[2]
    found = importlib.import_module(module(tool, name)).ASPECT
    assert isinstance(found, kind)  # noqa: S101
    return found


def by_tool(kind: type[A]) -> dict[str, A]:
    """Return the aspect of every tool, in the order of `TOOLS`."""
    return {tool: aspect(tool, kind) for tool in TOOLS}
