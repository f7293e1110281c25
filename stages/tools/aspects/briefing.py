"""How a tool's flaws are described to vision-language models that judge or explain them.

The vocabulary's prompt (``vocabulary.md``) names add, remove and distort only; other tools are
assigned by the positions of the parts in the answer (`stages.models.vocabulary.vlm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BriefingAspect:
    """Phrases for the prompts of judge and explainer: ``briefing.py`` of a tool's folder."""

    kind: str
    """The kind of flaw, e.g. ``a duplicated part``."""
    intent: str
    """A sentence on what the flaw should look like. ``{part}``: the part with its entity;
    ``{where}``: the direction as a preposition, or ``close to``; ``{other}``: the second entity or
    part of a tool that works on two."""
    kernels: Mapping[str, str] = field(default_factory=dict)
    """Kernel to what it did to the part; kernels without an entry are not described."""
