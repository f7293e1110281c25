"""Is a text fit to be published with a variant? Pure checks for the grammar and for any model."""

from __future__ import annotations

import re

from stages import tools
from stages.models.explainer import claims
from stages.models.explainer.claims import OPPOSITE
from stages.models.explainer.form import Problem, form, strip_names
from stages.records.documents import Variant
from stages.tools.aspects.claims import ClaimsAspect

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
    """A word opposite to the recorded displacement of a copy, wherever it stands."""
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
    allowed = tools.aspect(variant.tool, ClaimsAspect)
    problems = []
    if found := re.search(rf"\b(?:{allowed.contradictions})\b", rest, re.I):
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
    allowed = tools.aspect(variant.tool, ClaimsAspect)
    if allowed.needed and not overall and not re.search(allowed.needed, rest, re.I):
        problems.append(Problem("tool", f"no word of {allowed.meant}"))
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
