"""Section ``inspectors.compact`` of applications/params.yaml."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Section


class CompactParams(Section):
    """The weights, and what the texts name."""

    weights: str = ""
    """Folder with the weights; empty: those that the repository carries, weights/inspector."""
    names: bool = True
    """Whether the compact perceiver looks for entities and parts, so that the texts name them."""
    min_region: float = Field(default=0.0003, ge=0, le=1)
    """Minimum share of the picture that a region covers."""
