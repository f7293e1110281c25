"""What is found out about two that run into each other."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(extent=True)
