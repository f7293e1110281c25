"""What texts about a duplicated part must and must not say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(
    contradictions=rf"{LOST}|gone|remov\w*|lack\w*",
    needed=rf"\b(?:{DOUBLED}|doubl\w*|additional|second|superfluous|redundant|excessive|an? new|"
    r"twin|cop(?:y|ied|ies)|repe\w+|two times|three|(?<!one )another)\b",
    meant="a copy",
)
