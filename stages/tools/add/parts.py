"""Parts that can be duplicated."""

from __future__ import annotations

from stages.tools.aspects.parts import PERIPHERAL, PartsAspect

ASPECT = PartsAspect(PERIPHERAL)
