"""What is found out about a rearranged part."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(extent=True)
