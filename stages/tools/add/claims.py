"""What words about a copy may say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(
    contradictions=rf"{LOST}|gone|remov\w*|lack\w*",
    needed=rf"\b(?:{DOUBLED}|doubl\w*|addition\w*|second|superfluous|twin|cop(?:y|ied|ies)|"
    r"repe\w+|two times|three|(?<!one )another)\b",
    meant="a copy",
)
