"""What a tool sees (`Site`) and what it gives back (`Pairs`).

A mapping is data: pairs *target token -> reference token*, which `source_index` spells out as one
integer vector over a window's tokens, identity where nothing changes (algorithm section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.engine.section import Section
from stages.records.documents import Variant
from stages.records.grid import Grid, Indices


class NoMapping(Exception):
    """A tool cannot break this part; `code` is a stable snake_case reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class ToolParams(Section):
    """Base of a tool's numbers."""


@dataclass(frozen=True)
class Site:
    """One part in one window; all grids have the window's (rows, columns)."""

    part: Grid
    entity: Grid
    """The whole entity, the part included."""
    siblings: Grid
    """Other parts of the same kind in the photo, whichever entity they belong to."""
    parts: Grid
    """Other peripheral parts of any kind, but for those that contain this one."""
    other: Grid
    """fuse: the second instance or part; empty for the other tools."""


@dataclass(frozen=True)
class Pairs:
    """Target tokens, each at most once, and where each takes its appearance from."""

    targets: Indices
    """(n,) token indices."""
    references: Indices
    """(n,) token indices; a reference equal to its target leaves that token as it is."""
    facts: dict[str, Any]
    """JSON scalars for explanations and manifests."""


Kernel = Callable[[Site, np.random.Generator, Any], Pairs]
"""(site, generator, the tool's params) to pairs. Pure but for the generator.

Raises:
    NoMapping: the tool cannot break this part.
"""


def source_index(mapping: Pairs | Variant, tokens: int) -> Indices:
    """(tokens,) for every token of the window the token it takes its appearance from.

    Raises:
        ValueError: targets repeat, or an index lies outside the window.
    """
    targets = np.asarray(mapping.targets, dtype=np.int64)
    references = np.asarray(mapping.references, dtype=np.int64)
    if targets.shape != references.shape or len(np.unique(targets)) != len(targets):
        raise ValueError("targets must be unique and have one reference each")
    both = np.concatenate([targets, references])
    if both.size and not 0 <= both.min() <= both.max() < tokens:
        raise ValueError(f"token indices must lie in 0..{tokens - 1}")
    index = np.arange(tokens, dtype=np.int64)
    index[targets] = references
    return index
