"""The form of a text: length, markup, leaked machinery. Pure checks for any author's.

Names from the record are taken out first, so that a cat called ``box`` or a ``T-34`` is no leak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARACTERS = 600
"""Longest text: two or three sentences."""

_LEAKS = re.compile(
    r"\d|\b(?:pixels?|coordinates?|bounding|bbox|box(?:es|ed)?|masks?|masked|crop(?:s|ped)?|"
    r"tokens?|patch(?:es)?|overlay|annotat\w+|highlight\w*|circled|marked|ground truth|"
    r"first image|second image|image [ab]|prompt|as an ai)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>{}\[\]`*#_|\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Problem:
    """Why a text is unfit."""

    check: str
    """``names``, ``leak``, ``markup``, ``contradiction``, ``tool``, ``side``, ``length``, or
    the fact that is contradicted: ``direction``, ``place``, ``size``, ``viewer_side`` ..."""
    found: str
    """The offending words, or the words that are not there."""


def strip_names(text: str, names: list[str]) -> str:
    """`text` with every name replaced by a dot."""
    for name in names:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "·", text, flags=re.IGNORECASE)
    return text


def form(text: str, names: list[str]) -> list[Problem]:
    """Checks that hold for every text: length, markup, leaked machinery."""
    problems = []
    if not 10 <= len(text) <= MAX_CHARACTERS:
        problems.append(Problem("length", f"{len(text)} characters"))
    rest = strip_names(text, names)
    if found := _MARKUP.search(rest):
        problems.append(Problem("markup", found[0]))
    if found := _LEAKS.search(rest):
        problems.append(Problem("leak", found[0]))
    return problems
