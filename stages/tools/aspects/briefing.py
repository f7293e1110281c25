"""What a vision-language model is told of a tool's flaws, for the questions of judge and explainer.

The vocabulary's question (``vocabulary.md``) names add, remove and distort only: another
tool is offered by the position of the parts that were answered (`stages.models.vocabulary.vlm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BriefingAspect:
    """The facts of a flaw in words: ``briefing.py`` of a tool's folder."""

    kind: str
    """The kind of flaw: ``a duplicated part``."""
    intent: str
    """What the flaw should look like, a sentence. ``{part}``: the part with its owner; ``{where}``:
    the direction as a preposition, or ``close to``; ``{other}``: the second of two."""
    kernels: Mapping[str, str] = field(default_factory=dict)
    """Kernel to what it did to the part, where that is to be said."""
