"""What a model is told of a part that is gone."""

from __future__ import annotations

from stages.tools.aspects.briefing import BriefingAspect

ASPECT = BriefingAspect(
    kind="a missing part",
    intent="{part} was taken away, and the surroundings continue in its place.",
)
