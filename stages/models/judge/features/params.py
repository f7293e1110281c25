"""Params of the back end ``features``."""

from __future__ import annotations

from stages.engine.section import Section, Share


class FeatureThresholds(Section):
    """Section ``filter.features``: thresholds of the compact judge."""

    delivered: Share = 0.3
    """Minimum share of the intended change that must be there."""
    agreement: Share = 0.6
    """Minimum cosine between the change and the intended one."""
    inside: Share = 0.3
    """Minimum share of the visible flaw that must lie on targets."""
    probability: Share = 0.4
    """Minimum probability that a person calls the result right."""
