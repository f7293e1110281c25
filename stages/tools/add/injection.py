"""How a duplicated part is injected: the share is that of the released recipe."""

from __future__ import annotations

from stages.tools.aspects.injection import InjectionAspect

ASPECT = InjectionAspect(position_steps=1.0)
