"""What is found out about a part that is gone."""

from __future__ import annotations

from stages.tools.aspects.facts import FactsAspect

ASPECT = FactsAspect(source=True, count=1)
