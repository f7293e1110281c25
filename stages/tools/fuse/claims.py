"""What texts about a fusion must not say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(contradictions=rf"{DOUBLED}|{LOST}")
