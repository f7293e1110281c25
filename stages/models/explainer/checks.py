"""Is a text fit to be published with a variant? Pure checks for the grammar and for any model."""

from __future__ import annotations

import re

from stages.models.explainer import claims
from stages.models.explainer.claims import OPPOSITE
from stages.models.explainer.form import Problem, form, strip_names
from stages.records.documents import Variant

_DOUBLED = r"extra|duplicat\w*|surplus|twice|too many"
_LOST = r"missing|absent|vanish\w*|disappear\w*"
_CONTRADICTIONS = {
    "add": rf"{_LOST}|gone|remov\w*|lack\w*",
    "remove": rf"{_DOUBLED}|doubled|second|additional|repeated|two times|twin",
    "distort": rf"{_DOUBLED}|{_LOST}|fused|merged?|grown together|into (?:one another|each other)|"
    r"(?:boundary|border) between",
    "fuse": rf"{_DOUBLED}|{_LOST}",
}
_NEEDED = {
    "add": rf"\b(?:{_DOUBLED}|doubl\w*|addition\w*|second|superfluous|twin|cop(?:y|ied|ies)|"
    r"repe\w+|two times|three|(?<!one )another)\b",
    "remove": rf"\b(?:{_LOST}|gone|lack\w*|without(?! a clear)|replac\w*|instead(?! of being)|"
    r"in vain|should be(?! two)|removed|incomplete|blank|nothing but|not (?:there|shown)|"
    r"(?:in|taken|takes?) (?:its|the) place)\b"
    r"|\bno ·",
}
"""Of these words a text must hold one, or it tells of some other flaw."""
_MEANT = {"add": "a copy", "remove": "an absence"}
_CLEAN = re.compile(
    r"\b(?:no (?:visible |obvious )?(?:flaws?|defects?|artifacts?|problems?)|"
    r"(?:free of|without) (?:flaws?|defects?)|nothing is wrong|"
    r"looks? (?:perfectly )?(?:normal|natural|fine|correct))\b",
    re.IGNORECASE,
)
_FLAWED = re.compile(
    r"\b(?:distorted|deformed|misshapen|garbled|missing|duplicated?|surplus|fused|implausible)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:no|not|nothing|none|neither|nor|never|without|free of)\b", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.;:!?]")


def _holds(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, flags=re.IGNORECASE) is not None


def wrong_side(rest: str, variant: Variant) -> Problem | None:
    """A part of the record's kind on the other side (``right hand`` for ``left hand``)."""
    for side in set(variant.part_name.split()) & set(OPPOSITE):
        kind = variant.part_name.split(f"{side} ", 1)[-1]
        kinds = "|".join(map(re.escape, {kind, variant.part_kind}))
        if found := re.search(rf"\b{OPPOSITE[side]} (?:{kinds})\b", rest, re.I):
            return Problem("side", found[0])
    return None


def wrong_direction(rest: str, variant: Variant) -> Problem | None:
    """add: a word opposite to the recorded displacement, wherever it stands."""
    if variant.tool != "add":
        return None
    recorded = str(variant.facts.get("direction") or "")
    recorded = recorded.replace("upper", "above").replace("lower", "below")
    for word in recorded.replace("-", " ").split():
        found = re.search(rf"\b{OPPOSITE.get(word, word)}\b", rest, re.I)
        if word in OPPOSITE and found:
            return Problem("direction", found[0])
    return None


def contradictions(text: str, variant: Variant) -> list[Problem]:
    """What speaks of another tool, or of another side, direction, place, size or number than the
    record. A fact that the record does not hold is contradicted by nothing."""
    rest = strip_names(text, claims.names(variant))
    problems = []
    if found := re.search(rf"\b(?:{_CONTRADICTIONS[variant.tool]})\b", rest, re.I):
        problems.append(Problem("contradiction", found[0]))
    said, rest = claims.read(text, variant)
    problems += [p for p in (wrong_side(rest, variant), wrong_direction(rest, variant)) if p]
    for claim in said:
        if claims.contradicts(claim, variant):
            problems.append(Problem(claim.fact, claim.words))
    return problems


def flaw(text: str, variant: Variant, overall: bool = False) -> list[Problem]:
    """All that is wrong with the explanation of a flaw; empty when it is fit.

    The `overall` text may leave it to the local one to say what kind of flaw it is.
    """
    names = claims.names(variant)
    rest = strip_names(text, names)
    problems = form(text, names)
    problems += [
        Problem("names", name)
        for name in (variant.part_name, variant.entity_name)
        if not _holds(text, name)
    ]
    if found := _CLEAN.search(rest):
        problems.append(Problem("contradiction", found[0]))
    needed = _NEEDED.get(variant.tool)
    if needed and not overall and not re.search(needed, rest, re.I):
        problems.append(Problem("tool", f"no word of {_MEANT[variant.tool]}"))
    return problems + contradictions(text, variant)


def clean(text: str, names: list[str]) -> list[Problem]:
    """All that is wrong with the words for the untouched photo; `names` are its entities'."""
    clauses = _CLAUSE.split(strip_names(text, names))
    said = [
        Problem("contradiction", found[0])
        for clause in clauses
        if (found := _FLAWED.search(clause)) and not _NEGATION.search(clause[: found.start()])
    ]
    return form(text, names) + said
