"""How a tool's flaws are put into words: the rules of its sentences, as data.

The grammar (``stages/models/explainer/grammar``) expands ``local`` for the text about the flaw and
``clause`` for what the text about the whole picture repeats of it; both need ``why``, ``side`` and
``count`` where the record may hold the facts. An alternative may start with conditions in square
brackets that the facts must all meet, e.g. ``[little,place]`` (`conditions` in the grammar's
``slots.py`` lists them). ``<name>`` expands a rule, of the tool or of the grammar's ``common.py``;
``{slot}`` takes a fact (`slots` lists them). A text that follows a full stop is set off by a space
and starts upper case.

Every alternative must be true of every variant of its tool that meets the conditions: nothing here
may say more than the record does. The words that tell a fact (``upper``, ``small``, ``viewer's``,
``clockwise``, ``from above`` ...) stand for facts alone, so that ``claims.py`` of the explainers
can read them back; nothing is ``left`` over here, and nothing is all ``right``. What the texts of a
tool may not say is the aspect ``claims``.
"""

from __future__ import annotations

from dataclasses import dataclass

Rules = dict[str, tuple[str, ...]]

SIDE: Rules = {
    "side": (
        "The {part} meant here {is} on the viewer's {viewer}.",
        "This is the {kind} on the viewer's {viewer}.",
        "To be exact, it is the {kind} on the viewer's {viewer}.",
        "What is meant is the {kind} on the viewer's {viewer}.",
    ),
}
"""``side`` for tools that say nothing of their own about it."""


@dataclass(frozen=True)
class WordsAspect:
    """The sentences about a tool's flaws: ``words.py`` of its folder (explain stage)."""

    rules: Rules
    """Added to the grammar's own. ``how_<kernel>``: what a kernel's flaws look like."""
    positional: Rules | None = None
    """In the place of `rules` for parts of which only the position is known."""
    shared: str | None = None
    """The rule whose words the local and the overall text of a flaw have in common."""
