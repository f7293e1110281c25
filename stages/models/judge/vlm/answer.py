"""The answer to the judge's question, and what follows from it."""

from __future__ import annotations

from pydantic import Field

from stages.models.chat.ask import Answer
from stages.models.judge.codes import JudgeCode


class VerdictAnswer(Answer):
    """Whether a flaw came out as intended."""

    reason: str = Field(description="What differs and whether it is the flaw, in a sentence or two")
    perceptible: bool = Field(description="A careful viewer notices a difference from the photo")
    inside_region: bool = Field(description="The difference lies in the marked region")
    looks_like_flaw: bool = Field(description="It looks like the flaw that was intended")


def reject_code(answer: VerdictAnswer) -> str:
    """Return the reject code, or ``ok``."""
    if not answer.perceptible:
        return JudgeCode.NOT_PERCEPTIBLE
    if not answer.inside_region:
        return JudgeCode.WRONG_PLACE
    return "ok" if answer.looks_like_flaw else JudgeCode.NOT_A_FLAW
