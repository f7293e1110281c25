"""Check the form of a text, whoever wrote it: length, markup, leaks of the machinery behind it.

Pure functions. Names of the record are removed first, so that a ``box`` or a ``T-34`` in the photo
is not a leak.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARACTERS = 600
"""Maximum length of a text about one flaw: two or three sentences."""
MORE_CHARACTERS = 200
"""Characters by which a text about several flaws may be longer for each further flaw."""

_LEAKS = re.compile(
    r"\d|\b(?:pixels?|coordinates?|bounding|bbox|box(?:es|ed)?|masks?|masked|crop(?:s|ped)?|"
    r"tokens?|patch(?:es)?|overlay|annotat\w+|highlight\w*|circled|marked|ground truth|"
    r"first image|second image|image [ab]|prompt|as an ai)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>{}\[\]`*#_|\\\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Problem:
    """A reason not to publish a text."""

    check: str
    """``names``, ``leak``, ``markup``, ``contradiction``, ``tool``, ``side``, ``length``, or
    the fact that is contradicted: ``direction``, ``place``, ``size``, ``viewer_side`` ..."""
    found: str
    """The offending words, or the missing ones."""


def strip_names(text: str, names: list[str]) -> str:
    """Replace every name in `text` by a dot, but not a place (``upper part`` of the picture)."""
    for name in names:
        name = rf"(?<!\w){re.escape(name)}(?!\w)(?! of the (?:picture|image|photo|frame))"
        text = re.sub(name, "·", text, flags=re.IGNORECASE)
    return text


def check_form(text: str, names: list[str], flaws: int = 1) -> list[Problem]:
    """Check length, markup and leaks of a text about `flaws` flaws; `names` are those of the
    record."""
    problems = []
    if not 10 <= len(text) <= MAX_CHARACTERS + MORE_CHARACTERS * (flaws - 1):
        problems.append(Problem("length", f"{len(text)} characters"))
    rest = strip_names(text, names)
    if found := _MARKUP.search(rest):
        problems.append(Problem("markup", found[0]))
    if found := _LEAKS.search(rest):
        problems.append(Problem("leak", found[0]))
    return problems
