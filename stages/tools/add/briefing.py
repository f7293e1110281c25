"""How a duplicated part is described to vision-language models."""

from __future__ import annotations

from stages.tools.aspects.briefing import BriefingAspect

ASPECT = BriefingAspect(
    kind="a duplicated part",
    intent="an extra copy of {part} was put {where} the original.",
)
