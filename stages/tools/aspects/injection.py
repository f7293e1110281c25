"""How a tool's flaws are injected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InjectionAspect:
    """Defaults of section ``inject`` that differ from tool to tool: ``injection.py`` of its
    folder."""

    position_steps: float
    """``faithful.positions.steps``: share of the steps with injected positions, in 0..1."""
