"""Why a question to a vision-language model has no usable answer."""

from __future__ import annotations

from stages.engine.codes import RejectCode


class AskCode(RejectCode):
    """Reasons why a question has no usable answer."""

    UNUSABLE = "unusable_answer"
    REFUSED = "refused_to_answer"
    UNAVAILABLE = "model_unavailable"
