"""Check whether a text may be published with a variant, whoever wrote it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stages import tools
from stages.models.explainer import claims
from stages.models.explainer.claims import OPPOSITE
from stages.models.explainer.form import Problem, check_form, strip_names
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
_PICTURE_CLAUSE = re.compile(r"[.;:!?,]|\b(?:and|while|whereas|but)\b")


def _contains(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, flags=re.IGNORECASE) is not None


def _find_wrong_side(rest: str, variant: Variant) -> Problem | None:
    """Find a part of the record's kind on the other side (``right hand`` for ``left hand``)."""
    for side in set(variant.part_name.split()) & set(OPPOSITE):
        kind = variant.part_name.split(f"{side} ", 1)[-1]
        kinds = "|".join(map(re.escape, {kind, variant.part_kind}))
        if found := re.search(rf"\b{OPPOSITE[side]} (?:{kinds})\b", rest, re.I):
            return Problem("side", found[0])
    return None


def _find_wrong_direction(rest: str, variant: Variant) -> Problem | None:
    """Find a word, anywhere in the text, that is opposite to the recorded direction of a copy."""
    recorded = str(variant.facts.get("direction") or "")
    recorded = recorded.replace("upper", "above").replace("lower", "below")
    for word in recorded.replace("-", " ").split():
        found = re.search(rf"\b{OPPOSITE.get(word, word)}\b", rest, re.I)
        if word in OPPOSITE and found:
            return Problem("direction", found[0])
    return None


def find_contradictions(text: str, variant: Variant) -> list[Problem]:
    """Find words that describe another tool's flaw, or another side, direction, place, size or
    number than the record. A statement about a fact that the record does not hold is no
    contradiction."""
    rest = strip_names(text, claims.names_of(variant))
    allowed = tools.aspect(variant.tool, ClaimsAspect)
    problems = []
    if found := re.search(rf"\b(?:{allowed.contradictions})\b", rest, re.I):
        problems.append(Problem("contradiction", found[0]))
    found_claims, rest = claims.read_claims(text, variant)
    wrong = (_find_wrong_side(rest, variant), _find_wrong_direction(rest, variant))
    problems += [problem for problem in wrong if problem]
    for claim in found_claims:
        if claims.contradicts(claim, variant):
            problems.append(Problem(claim.fact, claim.words))
    return problems


def check_flaw(text: str, variant: Variant, overall: bool = False) -> list[Problem]:
    """Return all problems of a text about a flaw.

    An `overall` text need not say what kind of flaw it is; the local text does.
    """
    names = claims.names_of(variant)
    rest = strip_names(text, names)
    problems = check_form(text, names)
    problems += [
        Problem("names", alternatives[0])
        for alternatives in claims.required_names(variant)
        if strip_names(text, list(alternatives)) == text
    ]
    if found := _CLEAN.search(rest):
        problems.append(Problem("contradiction", found[0]))
    allowed = tools.aspect(variant.tool, ClaimsAspect)
    if allowed.needed and not overall and not re.search(allowed.needed, rest, re.I):
        problems.append(Problem("tool", f"no word of {allowed.meant}"))
    return problems + find_contradictions(text, variant)


def check_picture(text: str, variants: Sequence[Variant]) -> list[Problem]:
    """Return all problems of a text about several flaws of one picture.

    Every flaw must be named, its part not by its kind. A clause is checked against the flaws whose
    part it names, or else the positional ones whose entity it names, or else all flaws: it is a
    contradiction if it contradicts each of them.
    """
    names = sorted({n for v in variants for n in claims.names_of(v)}, key=lambda n: (-len(n), n))
    problems = check_form(text, names, len(variants))
    wanted = dict.fromkeys(names[0] for v in variants for names in claims.required_names(v))
    problems += [Problem("names", name) for name in wanted if not _contains(text, name)]
    if found := _CLEAN.search(strip_names(text, names)):
        problems.append(Problem("contradiction", found[0]))
    for clause in _PICTURE_CLAUSE.split(text):
        flaws = _find_flaws(clause, variants)
        problems += min((find_contradictions(clause, v) for v in flaws), key=len)
    return problems


def _find_flaws(clause: str, variants: Sequence[Variant]) -> Sequence[Variant]:
    """Return the flaws that a clause can be about."""

    def names(variant: Variant, name: str | None) -> bool:
        alternatives = claims.names_of_part(variant, name) if name else ()
        return any(_contains(clause, alternative) for alternative in alternatives)

    by_part = [v for v in variants if names(v, v.part_name) or names(v, v.other_name)]
    by_entity = [v for v in variants if v.positional and _contains(clause, v.entity_name)]
    return by_part or by_entity or variants


def check_clean(text: str, names: list[str]) -> list[Problem]:
    """Return all problems of a text about the untouched photo; `names` are those of its
    entities."""
    clauses = _CLAUSE.split(strip_names(text, names))
    contradictions = [
        Problem("contradiction", found[0])
        for clause in clauses
        if (found := _FLAWED.search(clause)) and not _NEGATION.search(clause[: found.start()])
    ]
    return check_form(text, names) + contradictions
