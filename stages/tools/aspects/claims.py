"""Regular expressions for what texts about a tool's flaws must and must not say.

They are searched for case-insensitively, in texts in which every name is replaced by a dot.
"""

from __future__ import annotations

from dataclasses import dataclass

DOUBLED = r"extra|duplicat\w*|surplus|twice|too many"
"""Words for something that is present twice."""
LOST = r"missing|absent|vanish\w*|disappear\w*"
"""Words for something that is gone."""


@dataclass(frozen=True)
class ClaimsAspect:
    """What texts may claim: ``claims.py`` of a tool's folder.

    Applied by the explain stage, and to the reasons that a vision-language judge gives.
    """

    contradictions: str
    """Alternatives, matched as complete words, that describe a flaw of another kind."""
    needed: str = ""
    """Pattern that the local text must match to describe this kind of flaw. Empty: none."""
    meant: str = ""
    """What the words of `needed` stand for, for messages, e.g. ``a copy``."""
