"""Read back what a text, whoever wrote it, claims about a flaw: place, size, side, direction and
number.

Names are removed first (`strip_names`): ``upper`` in ``upper lip`` is not a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from stages.models.explainer import nouns, phrases
from stages.models.explainer.form import strip_names
from stages.records.documents import Variant

OPPOSITE = {
    "above": "below", "below": "above", "left": "right", "right": "left",
    "upper": "lower", "lower": "upper",
}  # fmt: skip
"""Directions in the picture, as the viewer sees it, and their opposites."""

_SYNONYMS = {
    "top": "upper", "bottom": "lower", "centre": "middle", "center": "middle",
    "minute": "tiny", "little": "small", "big": "large", "huge": "large",
    "small piece": "piece", "small part": "piece", "small share": "piece",
    "horizontal": "lying", "vertical": "standing", "upright": "standing",
    "anti-clockwise": "anticlockwise", "counterclockwise": "anticlockwise",
    "counter clockwise": "anticlockwise", "only one": "one",
}  # fmt: skip
_PICTURE = r"of the (?:picture|image|photo|photograph|frame)\b"
_NUMBER = "|".join(nouns.NUMBERS[2:])
_NORM = (
    r"\b(?:(?:should|normally|usually|reality|humans|people)\b,?|(?:a|any|no) real ·|"
    r"an? (?:·|\w+) only)"
    r"(?:(?!\b(?:but|and)\b)[^.;:,]){0,30}?\b(?:one|"
)
"""Start of a statement about real parts in general (``a person should only have two``)."""
_NEAR = frozenset({("tiny", "small"), ("small", "tiny"), ("half", "most"), ("most", "half")})
"""Pairs of neighbouring values, which do not contradict each other."""


@dataclass(frozen=True)
class Claim:
    """A statement of a text about one fact."""

    fact: str
    """Key in `Variant.facts`."""
    value: str
    """The value, in the words of the record."""
    words: str
    """The words of the text."""
    start: int
    """Index at which the words begin, in the text without names."""


def _normalise(match: re.Match[str]) -> str:
    """Translate a matched value to the words of the record."""
    found = re.sub(r"\s+|(?<=r)-", " ", match["v"].lower().strip())
    return _SYNONYMS.get(found, " ".join(_SYNONYMS.get(word, word) for word in found.split()))


def _normalise_direction(match: re.Match[str]) -> str:
    """Translate ``above and to the left of`` to ``upper left``."""
    vertical, sideways = match["v"] or "", match["h"] or ""
    if not sideways:
        return vertical.lower()
    rows = {"above": "upper ", "below": "lower ", "": ""}
    return rows[vertical.lower()] + sideways.lower()


Reader = tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]]


def _readers(variant: Variant) -> list[Reader]:
    """Return the readers of all facts. Their order matters: words that one reads are not read by
    those after it."""
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
        (fact, re.compile(rf"(?<![\w']){pattern}(?!\w)", re.I), _normalise)
        for fact, pattern in patterns
    ]
    direction = (
        r"\b(?=above|below|to the (?:left|right))(?P<v>above|below)?"
        r"(?:(?: and )?to the (?P<h>left|right)(?: of)?)?"
    )
    return [*readers, ("direction", re.compile(direction, re.I), _normalise_direction)]


def names_of_part(variant: Variant, name: str) -> tuple[str, ...]:
    """Return the names that a text may give a part called `name` in the record."""
    return phrases.POSITIONS.get(name, (name,)) if variant.positional else (name,)


def names_of(variant: Variant) -> list[str]:
    """Return the names in the record, and those that a text may use for them, longest first."""
    found = {variant.entity_name, str(variant.facts.get("source") or "")}
    for name in (variant.part_name, variant.other_name or ""):
        found |= {name, *names_of_part(variant, name)}
    return sorted((name for name in found if name), key=lambda name: (-len(name), name))


def required_names(variant: Variant) -> list[tuple[str, ...]]:
    """Return the names that a text about a flaw must contain, each with its alternatives.

    The entity and the part. A part of which only the position is known need not be named, a part
    may be called by its kind (``eye`` for ``left eye``), and a part of a person belongs to a person
    without saying so.
    """
    entity, kind = variant.entity_name, variant.part_kind
    if variant.positional:
        return [(entity,)]
    part = (variant.part_name, kind, nouns.plural(kind))
    is_persons = nouns.is_person(entity) and variant.part != variant.entity
    return [part] if is_persons else [part, (entity,)]


def read_claims(text: str, variant: Variant) -> tuple[list[Claim], str]:
    """Return all claims, and `text` with names replaced by dots and claims by ``<fact>``.

    A number of parts that real owners have in general is no claim; it is replaced by ``<norm>``.
    """
    rest, found = strip_names(text, names_of(variant)), list[Claim]()
    kinds = "|".join(map(re.escape, {variant.part_kind, nouns.plural(variant.part_kind)}))
    rest = re.sub(rf"{_NORM}{_NUMBER}) (?:{kinds}|·)(?!\w)", "<norm>", rest, flags=re.I)
    for fact, pattern, value in _readers(variant):
        for match in pattern.finditer(rest):
            found.append(Claim(fact, value(match), match[0], match.start()))
        rest = pattern.sub(f"<{fact}>", rest)
    return found, rest


def contradicts(claim: Claim, variant: Variant) -> bool:
    """Return whether the record holds another value of the fact; if it holds none, nothing is a
    contradiction."""
    fact = variant.facts.get(claim.fact)
    if fact in (None, ""):
        return False
    claimed, known = claim.value, str(fact)
    if claim.fact == "count":
        return nouns.NUMBERS.index(claimed) != int(known)
    if claimed == known or (claimed, known) in _NEAR:
        return False
    if claim.fact in ("place", "direction", "source_direction"):
        return _places_differ(claimed, known)
    return True


def _places_differ(claimed: str, known: str) -> bool:
    """Return whether two places exclude each other: ``upper left`` excludes ``lower left`` and
    ``middle``, but not ``left``."""
    rows = {"above": "upper", "below": "lower"}
    a, b = ({rows.get(word, word) for word in place.split()} for place in (claimed, known))
    return any(OPPOSITE.get(word) in b for word in a) or not a & b
