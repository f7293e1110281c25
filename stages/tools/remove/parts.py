"""Parts that can be left out."""

from __future__ import annotations

from stages.tools.aspects.parts import PERIPHERAL, PartsAspect

ASPECT = PartsAspect(PERIPHERAL)
