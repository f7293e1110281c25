"""Parts that can be fused."""

from __future__ import annotations

from stages.tools.aspects.parts import PartsAspect

ASPECT = PartsAspect(touching=True)
