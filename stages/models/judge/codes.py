"""Codes with which judges reject variants."""

from __future__ import annotations

from stages.engine.codes import RejectCode


class JudgeCode(RejectCode):
    """Reasons to reject a variant, shared by all judges."""

    NOT_PERCEPTIBLE = "not_perceptible"
    """The flaw is not visible."""
    NOT_INTENDED = "not_intended"
    """The change is not the one that the mapping describes."""
    WRONG_PLACE = "wrong_place"
    """Most of the visible change lies outside the targets."""
    NOT_CONVINCING = "not_convincing"
    """The change is visible, but a person would probably not call it a plausible flaw."""
    NOT_A_FLAW = "not_a_flaw"
    """The change does not look like the intended flaw."""
