"""Reject codes of the inject stage."""

from __future__ import annotations

from stages.engine.codes import RejectCode


class InjectCode(RejectCode):
    """Reasons to reject a variant; ``bad_latents`` rejects the whole photo."""

    BAD_LATENTS = "bad_latents"
    NO_WINDOW = "no_window"
    BAD_MAPPING = "bad_mapping"
    NOT_FINITE = "not_finite"
    INVISIBLE = "invisible"
    NOT_RECONSTRUCTED = "not_reconstructed"
    """The model cannot reconstruct the photo: even without a flaw the result is another image."""
