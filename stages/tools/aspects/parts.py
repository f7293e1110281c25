"""Which parts a tool applies to (algorithm section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Flag, auto

from stages import tools
from stages.tools import Tool


class Position(Flag):
    """How a part is attached to its entity."""

    PERIPHERAL = auto()
    """Sticks out, so that it can be duplicated or removed."""
    CENTRAL = auto()
    """Continuous with the rest, so that it can be distorted."""


PERIPHERAL, CENTRAL = Position.PERIPHERAL, Position.CENTRAL
BOTH, NOWHERE = PERIPHERAL | CENTRAL, Position(0)


@dataclass(frozen=True)
class PartsAspect:
    """The parts that a tool can break: ``parts.py`` of its folder (perceive stage)."""

    position: Position = NOWHERE
    """The tool can break parts in these positions."""
    touching: bool = False
    """The tool can break parts, in any position, that touch another part or entity."""


def tools_for(position: Position) -> tuple[Tool, ...]:
    """Return the tools that can break parts in this position."""
    found = tools.by_tool(PartsAspect)
    return tuple(tool for tool, parts in found.items() if parts.position & position)


def tools_for_touching() -> tuple[Tool, ...]:
    """Return the tools that can break parts that touch others."""
    return tuple(tool for tool, parts in tools.by_tool(PartsAspect).items() if parts.touching)
