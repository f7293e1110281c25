"""Expand the grammar's rules to sentences."""

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
    """Expands rules, drawing alternatives from a seeded generator, so that the same seed gives the
    same sentence. An alternative of a rule is drawn again only once all others have been."""

    def __init__(
        self, grammar: Rules, facts: Mapping[str, str], tags: set[str], rng: np.random.Generator
    ) -> None:
        self.grammar, self.facts, self.tags, self.rng = grammar, facts, tags, rng
        self._used = set[tuple[str, str]]()

    def _allowed(self, text: str) -> bool:
        wanted = _TAGS.match(text)
        return wanted is None or set(wanted[1].split(",")) <= self.tags

    def expand(self, symbol: str) -> str:
        """Expand `symbol`, leaving slots open, so that names are never parsed as grammar."""
        choices = [text for text in self.grammar[symbol] if self._allowed(text)]
        choices = [text for text in choices if (symbol, text) not in self._used] or choices
        chosen = choices[int(self.rng.integers(len(choices)))]
        self._used.add((symbol, chosen))
        text = _TAGS.sub("", chosen, count=1)
        text = text.replace("{kernel}", self.facts.get("kernel", ""))
        return _SYMBOL.sub(lambda match: self.expand(match[1]), text)

    def phrase(self, symbol: str) -> str:
        """Expand `symbol` and fill the slots."""
        return self.expand(symbol).format_map(self.facts)

    def sentence(self, symbol: str) -> str:
        """Expand `symbol`, fill the slots, separate sentences by a space and capitalise each."""
        text = _NEXT_SENTENCE.sub(". ", self.expand(symbol)).format_map(self.facts)
        return _START.sub(lambda match: match[1] + match[2].upper(), text)
