"""Options of the vocabulary's back ends."""

from __future__ import annotations

from pydantic import Field

from stages.models.options import Options


class VlmVocabularyOptions(Options):
    """Options of the back end ``vlm``."""

    entities: int = Field(default=4, ge=1, le=20)
    """Maximum number of entities per photo."""
    parts: int = Field(default=6, ge=1, le=20)
    """Maximum number of parts per entity."""
