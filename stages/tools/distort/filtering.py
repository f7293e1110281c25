"""How a distorted part is judged: by the LPIPS band."""

from __future__ import annotations

from stages.tools.aspects.filtering import FilteringAspect

ASPECT = FilteringAspect(band=True)
