"""Which parts a tool applies to (algorithm section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto

from stages import tools
from stages.tools import Tool


class Position(Flag):
    """How a part belongs to its thing."""

    PERIPHERAL = auto()
    """It sticks out: it can be doubled or left out."""
    CENTRAL = auto()
    """It is continuous with the rest: it can be distorted."""


PERIPHERAL, CENTRAL = Position.PERIPHERAL, Position.CENTRAL
BOTH, NOWHERE = PERIPHERAL | CENTRAL, Position(0)


@dataclass(frozen=True)
class PartsAspect:
    """The parts that a tool can break: ``parts.py`` of its folder (perceive stage)."""

    position: Position = NOWHERE
    """Parts of these positions."""
    touching: bool = False
    """Parts that touch another part or thing, whatever their position."""


def tools_for(position: Position) -> tuple[Tool, ...]:
    """The tools that can break parts of a position."""
    found = tools.by_tool(PartsAspect)
    return tuple(tool for tool, parts in found.items() if parts.position & position)


def tools_for_touching() -> tuple[Tool, ...]:
    """The tools that can break parts which touch others."""
    return tuple(tool for tool, parts in tools.by_tool(PartsAspect).items() if parts.touching)
