"""Parts that can be removed."""

from __future__ import annotations

from stages.tools.aspects.parts import PERIPHERAL, PartsAspect

ASPECT = PartsAspect(PERIPHERAL)
