"""Parts that can be distorted."""

from __future__ import annotations

from stages.tools.aspects.parts import CENTRAL, PartsAspect

ASPECT = PartsAspect(CENTRAL)
