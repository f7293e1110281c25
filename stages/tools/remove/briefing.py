"""How a removed part is described to vision-language models."""

from __future__ import annotations

from stages.tools.aspects.briefing import BriefingAspect

ASPECT = BriefingAspect(
    kind="a missing part",
    intent="{part} was taken away, and the surroundings continue in its place.",
)
