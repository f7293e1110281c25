"""How a tool's flaws are injected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InjectionAspect:
    """Defaults of section ``inject`` that differ between tools: ``injection.py`` of a tool's
    folder."""

    position_steps: float
    """``faithful.positions.steps``: share of the steps in which positions are injected, 0..1."""
