"""What texts about a removed part must and must not say."""

from __future__ import annotations

from stages.tools.aspects.claims import DOUBLED, LOST, ClaimsAspect

ASPECT = ClaimsAspect(
    contradictions=rf"{DOUBLED}|doubled|second|additional|repeated|two times|twin",
    needed=rf"\b(?:{LOST}|gone|lack\w*(?! (?:of )?(?:detail|clarity|symmetry))|"
    r"without(?! a clear)|replac\w*|instead(?! of being)|in vain|should be(?! two)|removed|"
    r"incomplete|blank|nothing but|not (?:there|shown)|"
    r"(?:in|taken|takes?) (?:its|the) place)\b"
    r"|\bno ·",
    meant="an absence",
)
