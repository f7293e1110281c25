import re

import numpy as np
import pytest

from stages import tools
from stages.models.explainer.grammar import rules
from stages.models.explainer.grammar.writer import Writer
from stages.tools.aspects.words import WordsAspect

WORDS = tools.by_tool(WordsAspect)
GRAMMARS = {tool: words.rules for tool, words in WORDS.items()}
GRAMMARS |= {
    f"{tool} positional": words.positional for tool, words in WORDS.items() if words.positional
}
SHARED = {words.shared for words in WORDS.values()}
"""Expanded apart from the sentence, as slots."""


@pytest.mark.parametrize("tool", sorted(GRAMMARS))
def test_every_rule_is_reachable_and_every_symbol_defined(tool):
    own = GRAMMARS[tool]
    grammar = rules.COMMON | own | rules.OVERALL
    used = set(re.findall(r"<(\w+)>", " ".join(t for texts in grammar.values() for t in texts)))
    kernels = {name for name in grammar if name.startswith("how_")}
    not_every_tools = {"side", "count"} - set(own) | {"real"}
    assert used - not_every_tools <= set(grammar)
    assert set(own) - used - kernels - SHARED == {"local"}
    assert set(rules.OVERALL) - used == {"overall"}


def test_the_clean_rules_are_closed():
    used = set(re.findall(r"<(\w+)>", " ".join(t for texts in rules.CLEAN.values() for t in texts)))
    assert used == set(rules.CLEAN) - {"clean"}


def test_no_rule_is_without_an_unconditional_way_out():
    """But those that a condition of their own leads to."""
    for grammar in GRAMMARS.values():
        for name in set(grammar) & {"local", "clause", "why"}:
            assert any(not text.startswith("[") for text in grammar[name]), name


def test_writer_keeps_to_its_conditions():
    grammar = {"s": ("[yes] right.", "[no] wrong.", "[yes,no] wrong.")}
    writer = Writer(grammar, {}, {"yes"}, np.random.default_rng(0))
    assert {writer.sentence("s") for _ in range(20)} == {"Right."}


def test_writer_sets_sentences_apart():
    grammar = {"s": ("<a>.<b>",), "a": ("{x} lies here",), "b": ("{x} lies there.",)}
    writer = Writer(grammar, {"x": "it"}, set(), np.random.default_rng(0))
    assert writer.sentence("s") == "It lies here. It lies there."
