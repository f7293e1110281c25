"""From a scene to the options a photo offers: which tool could break what, in which window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from stages.map.params import MAPPINGS
from stages.records import grid, masks
from stages.records.documents import Entity, Part, Scene, Window
from stages.records.grid import Grid
from stages.tools import Tool
from stages.tools.aspects.mapping import Site

PAIR_TOOLS = tuple(tool for tool, mapping in MAPPINGS.items() if mapping.pairs)
"""Tools that work on two entities or parts."""
NEED_A_NAME = tuple(tool for tool, mapping in MAPPINGS.items() if mapping.needs_name)
"""Nobody calls a doubled "left part of the cat" a flaw: positional parts stay out of these."""
NESTED = 0.5
"""Two parts sharing more than this of the smaller are one inside the other: they do not touch."""


@dataclass(frozen=True)
class Limits:
    """Which parts are worth breaking."""

    min_tokens: int
    max_share: float
    min_inside: float
    entities: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """An entity or a part as one side of an option."""

    id: str
    name: str
    kind: str
    positional: bool
    score: float

    @staticmethod
    def of(thing: Entity | Part) -> Subject:
        """An entity fused as a whole is its own part, and its name is its kind."""
        kind, positional = (
            (thing.kind, thing.positional) if isinstance(thing, Part) else (thing.name, False)
        )
        return Subject(thing.id, thing.name, kind, positional, thing.score)


@dataclass(frozen=True)
class Option:
    """One tool on one part, or on two that touch, in one window."""

    tool: Tool
    entity: Entity
    part: Subject
    window: Window
    other: Subject | None = None
    within_entity: bool = False


class Atlas:
    """A scene's masks on its windows' grids, each computed once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._pixels: dict[str, masks.Mask] = {}
        self._grids: dict[tuple[str, str], Grid] = {}

    @cached_property
    def things(self) -> dict[str, Entity | Part]:
        """Entities and parts by id."""
        parts = [part for entity in self.scene.entities for part in entity.parts]
        return {thing.id: thing for thing in [*self.scene.entities, *parts]}

    def pixels(self, thing: str) -> masks.Mask:
        """(H, W) photo mask of an entity or part."""
        if thing not in self._pixels:
            self._pixels[thing] = masks.decode(self.things[thing].mask)
        return self._pixels[thing]

    def on(self, thing: str, window: Window) -> Grid:
        """Its tokens in the window."""
        at = (thing, window.id)
        if at not in self._grids:
            self._grids[at] = masks.to_grid(self.pixels(thing), window.box, window.grid)
        return self._grids[at]

    def inside(self, thing: str, window: Window) -> float:
        """Share of its pixels that lie in the window."""
        pixels = self.pixels(thing)
        x0, y0, x1, y1 = window.box
        return float(pixels[y0:y1, x0:x1].sum()) / max(int(pixels.sum()), 1)

    def site(self, option: Option) -> Site:
        """What the option's tool gets to see."""
        window, empty = option.window, np.zeros(option.window.grid, dtype=bool)
        part, siblings, parts = self.on(option.part.id, window), empty.copy(), empty.copy()
        for thing in self.things.values():
            if not isinstance(thing, Part) or thing.id == option.part.id:
                continue
            tokens = self.on(thing.id, window)
            if thing.kind == option.part.kind:
                siblings |= tokens
            if option.tool in thing.tools and (tokens & part).sum() <= NESTED * part.sum():
                parts |= tokens
        return Site(
            part=part,
            entity=self.on(option.entity.id, window) | part,
            siblings=siblings,
            parts=parts & ~part,
            other=self.on(option.other.id, window) if option.other else empty,
        )


def options(atlas: Atlas, limits: Limits, reasons: Counter[str]) -> list[Option]:
    """All options of a photo, in scene order; why others fell out is counted in `reasons`."""
    chosen = [
        entity
        for entity in atlas.scene.entities
        if not limits.entities or entity.name in limits.entities
    ]
    found = [option for entity in chosen for option in _single(atlas, entity, limits, reasons)]
    for tool in PAIR_TOOLS:
        for a, b in combinations(chosen, 2):
            found += _pair(atlas, tool, a, a, b)
        for entity in chosen:
            parts = [part for part in entity.parts if tool in part.tools]
            for a, b in combinations(parts, 2):
                found += _pair(atlas, tool, entity, a, b)
    return found


def _single(
    atlas: Atlas, entity: Entity, limits: Limits, reasons: Counter[str]
) -> Iterator[Option]:
    for part in entity.parts:
        window = _window_for(atlas, part)
        problem = _problem(atlas, part, window, limits)
        if window is None or problem:
            reasons[problem] += 1
            continue
        for tool in part.tools:
            if tool not in PAIR_TOOLS and not (part.positional and tool in NEED_A_NAME):
                yield Option(tool, entity, Subject.of(part), window)


def _window_for(atlas: Atlas, part: Part) -> Window | None:
    """The window chosen for the part; the one that shows it largest when there are several."""
    listed = [window for window in atlas.scene.windows if part.id in window.parts]
    return max(listed, key=lambda window: atlas.on(part.id, window).sum(), default=None)


def _problem(atlas: Atlas, part: Part, window: Window | None, limits: Limits) -> str:
    """Why the part is not worth breaking in the window; empty when it is."""
    if window is None:
        return "no_window"
    tokens = atlas.on(part.id, window)
    if tokens.sum() < limits.min_tokens:
        return "too_small"
    if tokens.mean() > limits.max_share:
        return "too_large"
    return "cut_off" if atlas.inside(part.id, window) < limits.min_inside else ""


def _pair(
    atlas: Atlas, tool: Tool, entity: Entity, a: Entity | Part, b: Entity | Part
) -> Iterator[Option]:
    """The tool on two where they meet, in the window that shows the most of the contact."""
    best, most = None, 0
    for window in atlas.scene.windows:
        first, second = atlas.on(a.id, window), atlas.on(b.id, window)
        shared = int((first & second).sum())
        if shared > NESTED * min(first.sum(), second.sum()):
            continue
        meeting = int(grid.contact(first, second).sum())
        if meeting > most:
            best, most = window, meeting
    if best is not None:
        within = isinstance(a, Part)
        yield Option(tool, entity, Subject.of(a), best, Subject.of(b), within)
