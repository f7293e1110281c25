"""What a text says of a flaw's place, size, side, direction and number, read back from its nouns.

Works on any author's text. Names are to be taken out first (`strip_names`): a part called
``upper lip`` is no place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stages.models.explainer import nouns
from stages.models.explainer.form import strip_names
from stages.records.documents import Variant

OPPOSITE = {
    "above": "below", "below": "above", "left": "right", "right": "left",
    "upper": "lower", "lower": "upper",
}  # fmt: skip
"""The simple directions, in the picture as the viewer sees it."""

_ALIKE = {
    "top": "upper", "bottom": "lower", "centre": "middle", "center": "middle",
    "minute": "tiny", "little": "small", "big": "large", "huge": "large",
    "small piece": "piece", "small part": "piece", "small share": "piece",
    "horizontal": "lying", "vertical": "standing", "upright": "standing",
    "anti-clockwise": "anticlockwise", "counterclockwise": "anticlockwise",
    "counter clockwise": "anticlockwise", "only one": "one",
}  # fmt: skip
_PICTURE = r"of the (?:picture|image|photo|photograph|frame)\b"
_NUMBER = "|".join(nouns.NUMBERS[2:])
_NEAR = frozenset({("tiny", "small"), ("small", "tiny"), ("half", "most"), ("most", "half")})
"""Words of another author that may mean the same."""


@dataclass(frozen=True)
class Claim:
    """One thing that a text says."""

    fact: str
    """Key of `Variant.facts` that it is about."""
    value: str
    """In the record's nouns."""
    words: str
    """As the text has it."""
    start: int
    """Where the words begin."""


def _same(match: re.Match[str]) -> str:
    found = re.sub(r"\s+|(?<=r)-", " ", match["v"].lower().strip())
    return _ALIKE.get(found, " ".join(_ALIKE.get(word, word) for word in found.split()))


def _bearing(match: re.Match[str]) -> str:
    """``above and to the left of``: ``upper left``."""
    vertical, sideways = match["v"] or "", match["h"] or ""
    if not sideways:
        return vertical.lower()
    rows = {"above": "upper ", "below": "lower ", "": ""}
    return rows[vertical.lower()] + sideways.lower()


Reader = tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]]


def _readers(variant: Variant) -> list[Reader]:
    """In the order in which they take words away from those that follow."""
    kinds = "|".join(
        sorted(map(re.escape, {variant.part_kind, nouns.plural(variant.part_kind)}), reverse=True)
    )
    patterns = [
        ("place", rf"(?P<v>(?:(?:upper|lower|top|bottom)[ -]?)?(?:left|right)|upper|lower|top|"
                  rf"bottom|middle|cent(?:re|er))(?:[ -]hand)?"
                  rf"(?: (?:half|part|side|corner|area|third|quarter|edge))? {_PICTURE}"),
        ("size", rf"(?P<v>tiny|minute|small|little|large|big|huge)"
                 rf" (?:part|share|portion|area|piece|fraction) {_PICTURE}"),
        ("extent", r"(?P<v>most|half|small (?:piece|part|share)) of the ·"),
        ("viewer_side", r"viewer's (?P<v>left|right)"),
        ("sense", r"(?P<v>(?:anti|counter)-?clockwise|clockwise)"),
        ("strips", r"(?P<v>horizontal|vertical|upright) (?:bands|strips|stripes|slices)"),
        ("count", rf"(?P<v>only one|{_NUMBER}) (?:{kinds})(?!\w)"),
        ("source_direction",
         r"from (?:the )?(?P<v>above|below|(?:(?:upper|lower) )?(?:left|right))"),
    ]  # fmt: skip
    readers: list[Reader] = [
        (fact, re.compile(rf"(?<![\w']){pattern}(?!\w)", re.I), _same) for fact, pattern in patterns
    ]
    bearing = (
        r"\b(?=above|below|to the (?:left|right))(?P<v>above|below)?"
        r"(?:(?: and )?to the (?P<h>left|right)(?: of)?)?"
    )
    return [*readers, ("direction", re.compile(bearing, re.I), _bearing)]


def names(variant: Variant) -> list[str]:
    """Names of the record, longest first."""
    source = str(variant.facts.get("source") or "")
    found = {variant.part_name, variant.entity_name, variant.other_name or "", source}
    return sorted((name for name in found if name), key=lambda name: (-len(name), name))


def read(text: str, variant: Variant) -> tuple[list[Claim], str]:
    """All claims, and `text` with names as dots and each claim's words as ``<fact>``."""
    rest, found = strip_names(text, names(variant)), list[Claim]()
    for fact, pattern, value in _readers(variant):
        for match in pattern.finditer(rest):
            found.append(Claim(fact, value(match), match[0], match.start()))
        rest = pattern.sub(f"<{fact}>", rest)
    return found, rest


def contradicts(claim: Claim, variant: Variant) -> bool:
    """Whether the record says something else. Where it is silent nothing is a contradiction."""
    fact = variant.facts.get(claim.fact)
    if fact in (None, ""):
        return False
    said, known = claim.value, str(fact)
    if claim.fact == "count":
        return nouns.NUMBERS.index(said) != int(known)
    if said == known or (said, known) in _NEAR:
        return False
    if claim.fact in ("place", "direction", "source_direction"):
        return _elsewhere(said, known)
    return True


def _elsewhere(said: str, known: str) -> bool:
    """``upper left`` does not exclude ``left``, but excludes ``lower left`` and ``middle``."""
    rows = {"above": "upper", "below": "lower"}
    a, b = ({rows.get(word, word) for word in place.split()} for place in (said, known))
    return any(OPPOSITE.get(word) in b for word in a) or not a & b
