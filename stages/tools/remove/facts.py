"""Facts to record about a removed part."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(source=True, count=1)
