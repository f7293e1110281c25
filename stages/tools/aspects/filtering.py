"""How the filter stage judges a tool's flaws."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilteringAspect:
    """Which of the filter's checks apply: ``filtering.py`` of a tool's folder.

    A flaw must always differ from its control. Judges decide on the tools that they can judge: the
    compact one on those that its coefficients know.
    """

    band: bool = False
    """Whether the LPIPS between photo and flaw must lie in the band ``filter.lpips.low``..``high``.
    A vision-language model is then not asked (algorithm section 5)."""
