"""The grammar's rules that do not depend on the tool, as data (a context-free grammar).

The rules of a tool are its aspect ``words``; ``stages/tools/aspects/words.py`` describes the
notation.
"""

from stages.models.explainer.grammar.rules.clean import CLEAN
from stages.models.explainer.grammar.rules.common import COMMON
from stages.models.explainer.grammar.rules.overall import OVERALL
from stages.models.explainer.grammar.rules.picture import PICTURE

__all__ = ["CLEAN", "COMMON", "OVERALL", "PICTURE"]
