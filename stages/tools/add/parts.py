"""Parts that can be doubled."""

from __future__ import annotations

from stages.tools.aspects.parts import PERIPHERAL, PartsAspect

ASPECT = PartsAspect(PERIPHERAL)
