"""What a profile may set of the vocabulary."""

from __future__ import annotations

from pydantic import Field

from stages.models.options import Options


class VlmVocabularyOptions(Options):
    """Options of the back end ``vlm``: how much to ask for."""

    entities: int = Field(default=4, ge=1, le=20)
    """Maximum number of entities of a photo."""
    parts: int = Field(default=6, ge=1, le=20)
    """Maximum number of parts of an entity."""
