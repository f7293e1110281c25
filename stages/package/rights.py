"""Decide whether licences allow a data set of altered photos to be passed on.

A licence is an SPDX identifier or expression, or a name of the Hugging Face hub's list. Everything
else is text that a person has to read first, unless the policy names it in full.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from pydantic import Field

from stages.engine.section import Section, Strings

UNKNOWN = "unknown"
HUB = frozenset(Path(__file__).with_name("hub_licences.txt").read_text("utf-8").split())
"""Licence names of Hugging Face's cards (hub-docs, repositories-licenses), without ``unknown``,
``other`` and ``cc``, which does not say which Creative Commons licence it is."""
REFERENCE = "licenseref-"
"""Start of SPDX's identifiers for licences that are not on its list, in lower case."""
_NO_DERIVATIVES = re.compile(r"\bcc-by(-nc)?-nd\b", re.IGNORECASE)
_ATTRIBUTION = re.compile(r"\bcc-by\b", re.IGNORECASE)


class LicencePolicy(Section):
    """Section ``package.licences`` of params.yaml: the licences that a release may contain.

    Entries of `allow` and `deny` are compared without regard to case; ``*`` stands for any
    characters, ``?`` for one. They apply to the identifiers of photos and of models. `deny` has
    priority.
    """

    allow: Strings = ("*",)
    """Patterns of which an identifier must match one. Text that is no identifier is allowed only by
    an entry that is equal to it."""
    deny: Strings = ("*-ND-*",)
    unknown: Literal["refuse", "warn"] = "refuse"
    """What a release does about photos and models whose licence is not known."""
    models: dict[str, str] = Field(default_factory=dict)
    """Name of a model to its licence, for models that weights.toml does not list."""


@dataclass(frozen=True)
class Problem:
    """Why something under a licence must not be passed on."""

    kind: Literal["denied", "unknown"]
    why: str

    def __str__(self) -> str:
        return self.why


Judge = Callable[[str], "Problem | None"]
NOT_GIVEN = Problem("unknown", "no licence is given")
NOT_AN_IDENTIFIER = Problem("unknown", "not an SPDX identifier")
NOT_ATTRIBUTED = Problem(
    "unknown", "asks for the creator, and neither `creator` nor `origin` is given"
)


def hub_name(licence: str) -> str | None:
    """Return the licence's name in the header of a card, or None."""
    return licence.lower() if licence.lower() in HUB else None


def asks_for_attribution(licence: str) -> bool:
    """Whether the licence is one of Creative Commons' that ask to name the creator."""
    return _ATTRIBUTION.search(licence) is not None


def find_problem(
    licence: str, policy: LicencePolicy | None = None, *, references: bool = False
) -> Problem | None:
    """Return why nothing under this licence may be passed on, or None if it may.

    Of an expression's parts, one of those joined by OR must be allowed, and all of those joined by
    AND.

    Args:
        licence: identifier, expression or text.
        policy: None is the default policy.
        references: whether ``LicenseRef-`` identifiers are known: those of ``weights.toml`` are.
    """
    policy = policy or LicencePolicy()
    if licence.lower() == UNKNOWN:
        return NOT_GIVEN
    try:
        expression = canonicalize_license_expression(licence)
    except InvalidLicenseExpression:
        expression = hub_name(licence)
    known = expression is not None and (references or REFERENCE not in expression.lower())
    if not known and licence.lower() in {entry.lower() for entry in policy.allow}:
        return None
    if expression is None:
        return NOT_AN_IDENTIFIER

    def judge(identifier: str) -> Problem | None:
        if not references and identifier.lower().startswith(REFERENCE):
            return NOT_AN_IDENTIFIER
        return _apply(policy, identifier)

    if hub_name(expression):
        return judge(expression)  # such as "openrail++"
    return _judge_either(re.findall(r"[()]|[^\s()]+", expression), judge)


def _apply(policy: LicencePolicy, identifier: str) -> Problem | None:
    """Apply `deny`, then `allow` to one identifier."""

    def first_match(patterns: Iterable[str]) -> str | None:
        return next((p for p in patterns if fnmatchcase(identifier.lower(), p.lower())), None)

    if pattern := first_match(policy.deny):
        if _NO_DERIVATIVES.search(identifier):
            return Problem("denied", "allows no altered copies")
        return Problem("denied", f"`package.licences.deny` has {pattern}")
    if first_match(policy.allow) is None:
        return Problem("denied", "not in `package.licences.allow`")
    return None


def _judge_either(tokens: list[str], judge: Judge) -> Problem | None:
    """Judge terms joined by OR, which binds weaker than AND; consumes the tokens."""
    found = [_judge_all(tokens, judge)]
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        found.append(_judge_all(tokens, judge))
    return None if None in found else found[0]


def _judge_all(tokens: list[str], judge: Judge) -> Problem | None:
    found = [_judge_term(tokens, judge)]
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        found.append(_judge_term(tokens, judge))
    problems = [problem for problem in found if problem]
    return min(problems, key=lambda problem: problem.kind, default=None)  # "denied" comes first


def _judge_term(tokens: list[str], judge: Judge) -> Problem | None:
    token = tokens.pop(0)
    if token == "(":  # noqa: S105
        found = _judge_either(tokens, judge)
        tokens.pop(0)
        return found
    if tokens and tokens[0] == "WITH":
        del tokens[:2]  # an exception only permits more
    return judge(token)


@dataclass(frozen=True)
class Rights:
    """What the source list says about a photo's licence."""

    licence: str
    creator: str
    origin: str


def find_photo_problem(photo: Rights, policy: LicencePolicy | None = None) -> Problem | None:
    """Return why a photo must not be passed on, or None if it may.

    A licence that asks to name the creator needs a creator or an origin.
    """
    if problem := find_problem(photo.licence, policy):
        return problem
    if asks_for_attribution(photo.licence) and {photo.creator, photo.origin} == {UNKNOWN}:
        return NOT_ATTRIBUTED
    return None


def find_problems(
    photos: Iterable[Rights], policy: LicencePolicy | None = None
) -> list[tuple[str, int, Problem]]:
    """Return licence, number of photos and reason of those that must not be passed on, most
    frequent first."""
    found: Counter[tuple[str, Problem]] = Counter()
    for photo, count in Counter(photos).items():
        if problem := find_photo_problem(photo, policy):
            found[photo.licence, problem] += count
    problems = [(licence, count, problem) for (licence, problem), count in found.items()]
    return sorted(problems, key=lambda item: (-item[1], item[0]))
