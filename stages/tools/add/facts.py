"""What is found out about a copy."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(count=3)
