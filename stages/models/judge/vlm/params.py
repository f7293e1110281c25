"""Section ``filter.vlm``: params of the judge that asks a vision-language model."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Section


class VlmJudgeParams(Section):
    """What is sent with each question."""

    examples: int = Field(default=2, ge=0, le=6)
    """Number of examples with three pictures each; those of the flaw's own tool come first, then
    those of the other tools. 0 = none."""
