"""How a tool maps: what its kernels see (`Site`) and what they return (`Pairs`).

A mapping is data: pairs *target token -> reference token*, which `records.source_index` spells out
as one integer vector over a window's tokens, identity where nothing changes (algorithm section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.engine.section import Section
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
    """Other parts of any kind that the tool applies to, except those that contain this one."""
    other: Grid
    """The second entity or part of a tool that works on two; empty for the other tools."""


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


@dataclass(frozen=True)
class MappingAspect:
    """How a tool maps: ``mapping.py`` of its folder (map stage)."""

    kernels: Mapping[str, Kernel]
    """Name to kernel; the map stage tries them in this order."""
    params: ToolParams
    """Their numbers with defaults: the tool's section in ``map`` of params.yaml."""
    needs_name: bool = False
    """Whether it leaves out parts of which only the position is known."""
    pairs: bool = False
    """Whether it works on two entities, or on two parts of one, where they touch."""
