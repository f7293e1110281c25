"""The interface of a tool's kernels: their input (`Site`) and their output (`Pairs`).

A mapping is data: pairs *target token -> reference token*, which `records.source_index` expands to
one integer vector over a window's tokens, the identity where nothing changes (algorithm section 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.engine.section import Section
from stages.records.colours import Colours
from stages.records.grid import Grid, Indices


class NoMapping(Exception):
    """Raised if a tool cannot break a part; `code` is a stable snake_case reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


MAX_OVERLAP = 0.5
"""Maximum share of the smaller of two parts that both cover; above it one is nested in the other,
and they do not touch."""


class Pairing(Section):
    """Which pairs of entities or parts a kernel of a tool that works on two can take."""

    within_entity: bool = True
    """Whether two parts of one entity are a pair too."""

    def allows(self, shared: int, smaller: int) -> bool:
        """Return whether two can be a pair of which both cover `shared` tokens and the smaller one
        covers `smaller` tokens of the window."""
        return shared <= MAX_OVERLAP * smaller


class ToolParams(Section):
    """Base of the params of a tool's kernels."""

    def pairing(self, kernel: str) -> Pairing:
        """Return which pairs a kernel can take: its own params, under its name, if they say so."""
        own = getattr(self, kernel, None)
        return own if isinstance(own, Pairing) else Pairing()


@dataclass(frozen=True)
class Site:
    """One part in one window; all grids have the window's (rows, columns)."""

    part: Grid
    entity: Grid
    """The complete entity, including the part."""
    siblings: Grid
    """Other parts of the same kind in the photo, of any entity."""
    parts: Grid
    """Other parts of any kind that the tool applies to, except those that contain this one."""
    other: Grid
    """The second entity or part of a tool that works on two; empty for the other tools."""
    each_sibling: tuple[Grid, ...] = ()
    """The parts of `siblings`, one by one."""
    namesakes: tuple[Grid, ...] = ()
    """Other entities of the entity's name."""
    colours: Colours | None = None
    """Mean colours of the window's tokens; None if the photo is not at hand: kernels then choose by
    the masks alone."""

    @property
    def foreground(self) -> Grid:
        """All entities of the entity's name, including the entity."""
        return np.logical_or.reduce((self.entity, *self.namesakes))


@dataclass(frozen=True)
class Pairs:
    """Target tokens, each at most once, and the token from which each takes its appearance."""

    targets: Indices
    """(n,) token indices."""
    references: Indices
    """(n,) token indices; a reference equal to its target leaves the token unchanged."""
    facts: dict[str, Any]
    """JSON scalars for explanations and manifests."""


Kernel = Callable[[Site, np.random.Generator, Any], Pairs]
"""Maps (site, generator, the tool's params) to pairs. Pure except for the generator.

Raises:
    NoMapping: the tool cannot break this part.
"""


@dataclass(frozen=True)
class MappingAspect:
    """How a tool maps: ``mapping.py`` of its folder (map stage)."""

    kernels: Mapping[str, Kernel]
    """Name to kernel, in the order in which the map stage tries them."""
    params: ToolParams
    """The kernels' params with their defaults: the tool's section in ``map`` of params.yaml."""
    needs_name: bool = False
    """Whether the tool skips parts of which only the position is known."""
    pairs: bool = False
    """Whether the tool works on two entities, or on two parts of one, where they touch."""
