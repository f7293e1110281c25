"""How a fusion is described to vision-language models."""

from __future__ import annotations

from stages.tools.aspects.briefing import BriefingAspect

ASPECT = BriefingAspect(
    kind="two things blended into each other",
    intent="{part} and {other} were blended into each other where they touch.",
)
