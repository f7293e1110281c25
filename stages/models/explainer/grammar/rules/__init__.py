"""What can be said whatever the tool: a context-free grammar as data.

The rules of each tool are its aspect ``words``; ``stages/tools/aspects/words.py`` says how rules
are written.
"""

from stages.models.explainer.grammar.rules.clean import CLEAN
from stages.models.explainer.grammar.rules.common import COMMON
from stages.models.explainer.grammar.rules.overall import OVERALL

__all__ = ["CLEAN", "COMMON", "OVERALL"]
