"""Facts to record about a fusion."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(extent=True)
