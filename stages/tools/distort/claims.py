"""What texts about a distorted part must not say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(
    contradictions=rf"{DOUBLED}|{LOST}|fused|merged?|grown together|"
    r"into (?:one another|each other)|(?:boundary|border) between",
)
