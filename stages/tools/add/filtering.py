"""How a duplicated part is judged."""

from __future__ import annotations

from stages.tools.aspects.filtering import FilteringAspect

ASPECT = FilteringAspect()
