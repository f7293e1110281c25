"""How the filter stage judges a tool's flaws."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilteringAspect:
    """Which of the filter's checks apply: ``filtering.py`` of a tool's folder.

    Every flaw must differ from its control. A judge decides only on tools that it can judge; the
    compact judge can judge those for which it has coefficients.
    """

    band: bool = False
    """Whether the LPIPS between photo and flaw must lie in ``filter.lpips.low``..``high``. If so,
    the vision-language judge is not used (algorithm section 5)."""
