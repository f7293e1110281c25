"""Why a variant, or a photo, could not be rendered."""

from __future__ import annotations

from stages.engine.codes import RejectCode


class InjectCode(RejectCode):
    """Of a photo only ``bad_latents``, else of a variant."""

    BAD_LATENTS = "bad_latents"
    NO_WINDOW = "no_window"
    BAD_MAPPING = "bad_mapping"
    OUT_OF_MEMORY = "out_of_memory"
    NOT_FINITE = "not_finite"
    INVISIBLE = "invisible"
    NOT_RECONSTRUCTED = "not_reconstructed"
    """Model and photo do not fit: what comes back without any flaw is another picture."""
