"""What words about two that run into each other may say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(contradictions=rf"{DOUBLED}|{LOST}")
