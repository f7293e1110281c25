"""What the explain stage finds out about a tool's flaws, beside what the mapping says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FactsAspect:
    """Facts to look for: ``facts.py`` of a tool's folder. Place, size and side are looked for
    whatever the tool."""

    extent: bool = False
    """Which share of the entity the visible flaw covers."""
    source: bool = False
    """What the references show, and from where they come: what took the part's place."""
    count: int | None = None
    """How many one sees now of a part that comes in twos, left and right."""
