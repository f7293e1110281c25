"""How a distort is injected: the share is the released recipe's."""

from __future__ import annotations

from stages.tools.aspects.injection import InjectionAspect

ASPECT = InjectionAspect(position_steps=0.6)
