"""What words about a tool's flaws may not claim, and which of them they need: regular expressions.

They are searched for without regard to case, in texts whose names are taken out (each is a dot).
"""

from __future__ import annotations

from dataclasses import dataclass

DOUBLED = r"extra|duplicat\w*|surplus|twice|too many"
"""Words for something that is there twice."""
LOST = r"missing|absent|vanish\w*|disappear\w*"
"""Words for something that is gone."""


@dataclass(frozen=True)
class ClaimsAspect:
    """What a text may say: ``claims.py`` of a tool's folder (explain stage, judges that are
    asked)."""

    contradictions: str
    """Alternatives, whole words: what tells of a flaw of another kind."""
    needed: str = ""
    """The local text must match it, or it tells of some other flaw; empty: of any words."""
    meant: str = ""
    """What `needed` are words of, for the complaint: ``a copy``."""
