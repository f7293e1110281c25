"""The grammar rules of the sentences about a tool's flaws, as data.

The grammar (``stages/models/explainer/grammar``) expands ``local`` for the text about the flaw, and
``clause`` for the mention of the flaw in the text about the image, which must name the part in
full, unless only its position is known. An alternative may start with conditions in square
brackets, all of which the facts must meet, e.g. ``[little,place]`` (`conditions` in the grammar's
``slots.py`` lists them). ``<name>`` expands a rule of the tool or of the grammar's ``common.py``; a
rule of the tool replaces the common one of the same name. ``{slot}`` inserts a fact (`slots` lists
them). Text after a full stop starts with a capital letter and is separated by a space.

Write as people do who mark such flaws: name the thing and pile up what is visible, in short or in
long, with or without what a real one looks like. The last is general knowledge (``<count_norm>``,
``<real>``), from the grammar's ``knowledge.py``. Do not describe what was done to the picture, and
do not name a part by its position.

Every alternative must be true of every variant of its tool that meets the conditions: no rule may
say more than the record and this knowledge do. Words that state a fact (``upper``, ``small``,
``viewer's``, ``clockwise``, ``from above`` ...) are used for facts only, so that the explainers'
``claims.py`` can read them back: do not write that something is ``left`` over or all ``right``. The
aspect ``claims`` lists what the texts of a tool must not say.
"""

from __future__ import annotations

from dataclasses import dataclass

Rules = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class WordsAspect:
    """The sentences about a tool's flaws: ``words.py`` of its folder (explain stage)."""

    rules: Rules
    """Added to the grammar's rules. ``how_<kernel>`` describes the flaws of a kernel."""
    label: str
    """The flaw in a few words, without article: ``extra {part}``. Slots: ``part``, ``other``,
    ``entity``."""
    positional_label: str = ""
    """Replaces `label` for parts of which only the position is known; empty: it does not."""
    positional: Rules | None = None
    """Replaces `rules` for parts of which only the position is known."""
    shared: str | None = None
    """The rule that is expanded once, for both the local and the overall text of a flaw."""
