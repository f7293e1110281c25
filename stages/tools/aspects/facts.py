"""Which facts the explain stage adds to those of a tool's mapping."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FactsAspect:
    """Facts to derive: ``facts.py`` of a tool's folder. Place, size and side are derived for every
    tool."""

    extent: bool = False
    """Whether to record the share of the entity that the visible flaw covers."""
    source: bool = False
    """Whether to record what the references show and where they lie, that is, what took the part's
    place."""
    count: int | None = None
    """Number of such parts visible after the flaw, if the entity has a left and a right one."""
