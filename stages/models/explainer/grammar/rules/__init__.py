"""What can be said about a flaw: a context-free grammar as data, one file a tool.

An alternative may start with conditions in square brackets that the facts must all meet, e.g.
``[little,place]`` (`conditions` in ``slots.py`` lists them). ``<name>`` expands a rule, ``{slot}``
takes a fact. A text that follows a full stop is set off by a space and starts upper case.
Every alternative must be true of every variant of its tool that meets the conditions: nothing here
may say more than the record does. The words that tell a fact (``upper``, ``small``, ``viewer's``,
``clockwise``, ``from above`` ...) stand for facts alone, so that ``claims.py`` can read them back;
nothing is ``left`` over here, and nothing is all ``right``.
"""

from stages.models.explainer.grammar.rules.add import ADD
from stages.models.explainer.grammar.rules.clean import CLEAN
from stages.models.explainer.grammar.rules.common import COMMON, Rules
from stages.models.explainer.grammar.rules.distort import DISTORT
from stages.models.explainer.grammar.rules.fuse import FUSE, FUSE_POSITIONAL
from stages.models.explainer.grammar.rules.overall import OVERALL
from stages.models.explainer.grammar.rules.remove import REMOVE

BY_TOOL: dict[str, Rules] = {"add": ADD, "remove": REMOVE, "distort": DISTORT, "fuse": FUSE}

__all__ = [
    "ADD", "BY_TOOL", "CLEAN", "COMMON", "DISTORT", "FUSE", "FUSE_POSITIONAL", "OVERALL", "REMOVE",
    "Rules",
]  # fmt: skip
