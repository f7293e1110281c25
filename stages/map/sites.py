"""Find the options that a scene offers: which tool can break which part, in which window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from stages.map.params import MAPPINGS
from stages.records import grid, masks
from stages.records.colours import Colours, token_colours
from stages.records.documents import Entity, Part, Scene, Window
from stages.records.grid import Grid
from stages.records.images import Image
from stages.records.windows import cut
from stages.tools import Tool
from stages.tools.aspects.mapping import MAX_OVERLAP, Pairing, Site

PAIR_TOOLS = tuple(tool for tool, mapping in MAPPINGS.items() if mapping.pairs)
"""Tools that work on two entities or parts."""
NAMED_PART_TOOLS = tuple(tool for tool, mapping in MAPPINGS.items() if mapping.needs_name)
"""Tools that skip positional parts: nobody would call a duplicated "left part of the cat" a
flaw."""


@dataclass(frozen=True)
class Limits:
    """Limits on the parts to break, as in `MapParams`."""

    min_tokens: int
    max_share: float
    min_inside: float
    entities: tuple[str, ...]
    pairings: Mapping[Tool, tuple[Pairing, ...]] = field(default_factory=dict)
    """What the chosen kernels of a tool that works on two ask of a pair, without repeats; a tool
    that is absent has the default."""


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
        """Describe an entity or a part. An entity's kind is its name."""
        kind, positional = (
            (thing.kind, thing.positional) if isinstance(thing, Part) else (thing.name, False)
        )
        return Subject(thing.id, thing.name, kind, positional, thing.score)


@dataclass(frozen=True)
class Option:
    """A tool to apply to one part, or to two that touch, in one window."""

    tool: Tool
    entity: Entity
    part: Subject
    window: Window
    other: Subject | None = None
    within_entity: bool = False
    pairing: Pairing | None = None
    """What the pair fulfils: for kernels that ask for this."""


class Atlas:
    """The masks of a scene's entities and parts, in pixels and on the windows' grids, and the
    colours of the windows' tokens, each computed once."""

    def __init__(self, scene: Scene, photo: Image | None = None) -> None:
        self.scene = scene
        self.photo = photo
        self._colours: dict[str, Colours] = {}
        self._pixels: dict[str, masks.Mask] = {}
        self._grids: dict[tuple[str, str], Grid] = {}

    @cached_property
    def things(self) -> dict[str, Entity | Part]:
        """Entities and parts by id."""
        parts = [part for entity in self.scene.entities for part in entity.parts]
        return {thing.id: thing for thing in [*self.scene.entities, *parts]}

    def pixels(self, thing: str) -> masks.Mask:
        """Return the mask of an entity or part in the photo, (H, W)."""
        if thing not in self._pixels:
            self._pixels[thing] = masks.decode(self.things[thing].mask)
        return self._pixels[thing]

    def tokens(self, thing: str, window: Window) -> Grid:
        """Return the mask of an entity or part on the window's grid."""
        at = (thing, window.id)
        if at not in self._grids:
            self._grids[at] = masks.to_grid(self.pixels(thing), window.box, window.grid)
        return self._grids[at]

    def colours(self, window: Window) -> Colours | None:
        """Return the colours of the window's tokens; None without a photo."""
        if self.photo is not None and window.id not in self._colours:
            self._colours[window.id] = token_colours(cut(self.photo, window))
        return self._colours.get(window.id)

    def share_inside(self, thing: str, window: Window) -> float:
        """Return the share of its pixels that lie in the window."""
        pixels = self.pixels(thing)
        x0, y0, x1, y1 = window.box
        return float(pixels[y0:y1, x0:x1].sum()) / max(int(pixels.sum()), 1)

    def site(self, option: Option) -> Site:
        """Return the input of the option's kernel."""
        window, empty = option.window, np.zeros(option.window.grid, dtype=bool)
        part, parts, siblings = self.tokens(option.part.id, window), empty.copy(), list[Grid]()
        for thing in self.things.values():
            if not isinstance(thing, Part) or thing.id == option.part.id:
                continue
            tokens = self.tokens(thing.id, window)
            if thing.kind == option.part.kind:
                siblings.append(tokens)
            if option.tool in thing.tools and (tokens & part).sum() <= MAX_OVERLAP * part.sum():
                parts |= tokens
        return Site(
            part=part,
            entity=self.tokens(option.entity.id, window) | part,
            siblings=np.logical_or.reduce(siblings) if siblings else empty,
            parts=parts & ~part,
            other=self.tokens(option.other.id, window) if option.other else empty,
            each_sibling=tuple(siblings),
            namesakes=tuple(
                self.tokens(entity.id, window)
                for entity in self.scene.entities
                if entity.name == option.entity.name and entity.id != option.entity.id
            ),
            colours=self.colours(window),
        )


def find_options(atlas: Atlas, limits: Limits, reasons: Counter[str]) -> list[Option]:
    """Return all options of a photo, in scene order, and count in `reasons` why parts are left
    out."""
    chosen = [
        entity
        for entity in atlas.scene.entities
        if not limits.entities or entity.name in limits.entities
    ]
    found = [
        option for entity in chosen for option in _single_options(atlas, entity, limits, reasons)
    ]
    for tool in PAIR_TOOLS:
        for pairing in limits.pairings.get(tool, (Pairing(),)):
            for a, b in combinations(chosen, 2):
                found += _pair_options(atlas, tool, pairing, a, a, b)
            for entity in chosen if pairing.within_entity else ():
                parts = [part for part in entity.parts if tool in part.tools]
                for a, b in combinations(parts, 2):
                    found += _pair_options(atlas, tool, pairing, entity, a, b)
    return found


def _single_options(
    atlas: Atlas, entity: Entity, limits: Limits, reasons: Counter[str]
) -> Iterator[Option]:
    for part in entity.parts:
        window = _find_window(atlas, part)
        problem = _find_problem(atlas, part, window, limits)
        if window is None or problem:
            reasons[problem] += 1
            continue
        for tool in part.tools:
            if tool not in PAIR_TOOLS and not (part.positional and tool in NAMED_PART_TOOLS):
                yield Option(tool, entity, Subject.of(part), window)


def _find_window(atlas: Atlas, part: Part) -> Window | None:
    """Return the window that holds the part; of several, the one with most tokens of it."""
    listed = [window for window in atlas.scene.windows if part.id in window.parts]
    return max(listed, key=lambda window: atlas.tokens(part.id, window).sum(), default=None)


def _find_problem(atlas: Atlas, part: Part, window: Window | None, limits: Limits) -> str:
    """Return the reason why the part cannot be broken in the window; empty if it can."""
    if window is None:
        return "no_window"
    tokens = atlas.tokens(part.id, window)
    if tokens.sum() < limits.min_tokens:
        return "too_small"
    if tokens.mean() > limits.max_share:
        return "too_large"
    return "cut_off" if atlas.share_inside(part.id, window) < limits.min_inside else ""


def _pair_options(
    atlas: Atlas,
    tool: Tool,
    pairing: Pairing,
    entity: Entity,
    a: Entity | Part,
    b: Entity | Part,
) -> Iterator[Option]:
    """Yield the option to fuse two that touch, in the window with most tokens of their contact."""
    best, most = None, 0
    for window in atlas.scene.windows:
        first, second = atlas.tokens(a.id, window), atlas.tokens(b.id, window)
        shared = int((first & second).sum())
        if not pairing.allows(shared, min(int(first.sum()), int(second.sum()))):
            continue
        meeting = int(grid.contact(first, second).sum())
        if meeting > most:
            best, most = window, meeting
    if best is not None:
        within = isinstance(a, Part)
        yield Option(tool, entity, Subject.of(a), best, Subject.of(b), within, pairing)
