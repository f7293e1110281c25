"""Expands the grammar's rules into sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from stages.tools.aspects.words import Rules

_SYMBOL = re.compile(r"<(\w+)>")
_TAGS = re.compile(r"\[([\w,]+)\] ?")
_NEXT_SENTENCE = re.compile(r"\.(?=[\w{])")
_START = re.compile(r"(^|[.!?] )([a-z])")


class Writer:
    """Expands rules with one seeded generator, so that the same names give the same sentence."""

    def __init__(
        self, grammar: Rules, facts: Mapping[str, str], tags: set[str], rng: np.random.Generator
    ) -> None:
        self.grammar, self.facts, self.tags, self.rng = grammar, facts, tags, rng

    def _allowed(self, text: str) -> bool:
        wanted = _TAGS.match(text)
        return wanted is None or set(wanted[1].split(",")) <= self.tags

    def expand(self, symbol: str) -> str:
        """One sentence form of `symbol`, slots still open: names are never read as grammar."""
        choices = [text for text in self.grammar[symbol] if self._allowed(text)]
        text = _TAGS.sub("", choices[int(self.rng.integers(len(choices)))], count=1)
        text = text.replace("{kernel}", self.facts.get("kernel", ""))
        return _SYMBOL.sub(lambda match: self.expand(match[1]), text)

    def phrase(self, symbol: str) -> str:
        """`expand` with slots filled."""
        return self.expand(symbol).format_map(self.facts)

    def sentence(self, symbol: str) -> str:
        """`phrase` with sentences set apart and every sentence's first letter upper case."""
        text = _NEXT_SENTENCE.sub(". ", self.expand(symbol)).format_map(self.facts)
        return _START.sub(lambda match: match[1] + match[2].upper(), text)
