"""What the record knows of a flaw beyond its mapping: where in the picture, how large, on which
side, how many, and what took a removed part's place.

Pure functions of masks. A fact is given only where it is clear; the words for it are the
grammar's (``stages/models/explainer/phrases.py``). Left and right are the viewer's, but in
the names of parts, which say a person's own side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from stages import tools
from stages.records import grid, masks
from stages.records.documents import Entity, Part, Scene, Variant, Window
from stages.records.masks import Mask
from stages.tools.aspects.facts import FactsAspect

CLEAR = 0.9
"""Share of a mask's pixels that must lie in a half of the picture to be said to be there."""
TINY, SMALL, LARGE = 0.005, 0.025, 0.15
"""Shares of the picture: below, below, from."""
PIECE, HALF, MOST = 0.1, (0.4, 0.6), 0.65
"""Shares of the entity: below, between, from."""
MAINLY, HARDLY = 0.7, 0.1
"""Shares of the references that make a source, and that are neglected."""


def known(variant: Variant, scene: Scene, mask: Mask) -> dict[str, Any]:
    """Facts that add to `Variant.facts`: ``place``, ``size``, ``extent``, ``viewer_side``,
    ``count``, ``source``, ``source_kind``, ``source_direction``, as far as they are clear.

    Args:
        variant: the flaw.
        scene: what is in its photo.
        mask: (H, W) bool, the visible flaw in the photo.

    Raises:
        StopIteration: the scene does not hold the variant's entity or window.
    """
    entity = next(e for e in scene.entities if e.id == variant.entity)
    part = next((p for p in entity.parts if p.id == variant.part), None)
    found: dict[str, Any] = {"place": place(mask), "size": size(float(mask.mean()))}
    wanted = tools.aspect(variant.tool, FactsAspect)
    if wanted.extent:
        whole = masks.decode(entity.mask)
        found["extent"] = extent(float((mask & whole).sum() / max(int(whole.sum()), 1)))
    if part is not None and not part.positional:
        found["viewer_side"] = viewer_side(part, entity)
        found["count"] = wanted.count if in_twos(part, entity) else None
    if wanted.source:
        window = next(w for w in scene.windows if w.id == variant.window)
        found |= source(variant, entity, scene, window)
        if "offset" in variant.facts:
            found["source_direction"] = grid.direction(*variant.facts["offset"])
    return {name: value for name, value in found.items() if value not in (None, "")}


def place(mask: Mask) -> str:
    """``upper left``, ``lower``, ``middle`` ... of the picture, or "" where none is clear.

    A half is where `CLEAR` of the (H, W) mask's pixels lie; the middle is the middle half of both
    axes, for what lies in no half.
    """
    rows, columns = _halves(mask.sum(1)), _halves(mask.sum(0))
    words = (("upper", "", "lower")[rows], ("left", "", "right")[columns])
    if any(words):
        return " ".join(filter(None, words))
    height, width = mask.shape
    centre = mask[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return "middle" if centre.sum() >= CLEAR * max(int(mask.sum()), 1) else ""


def _halves(profile: np.ndarray) -> int:
    """0, 2: the first or second half of an axis holds nearly all; 1: neither."""
    half, total = len(profile) // 2, max(int(profile.sum()), 1)
    if profile[:half].sum() >= CLEAR * total:
        return 0
    return 2 if profile[len(profile) - half :].sum() >= CLEAR * total else 1


def size(share: float) -> str:
    """``tiny``, ``small``, ``large`` for a share of the picture in 0..1, or ""."""
    if share < SMALL:
        return "tiny" if share < TINY else "small"
    return "large" if share >= LARGE else ""


def extent(share: float) -> str:
    """``piece``, ``half``, ``most`` for a share of the entity in 0..1, or ""."""
    if share < PIECE:
        return "piece"
    if share >= MOST:
        return "most"
    return "half" if HALF[0] <= share <= HALF[1] else ""


def viewer_side(part: Part, entity: Entity) -> str:
    """``left`` or ``right`` as the viewer sees it, for a part whose name has a side.

    Beside a single sibling of its kind: the side on which it lies, where their boxes do not
    overlap. Without one: the half of the entity's box that holds `CLEAR` of its pixels.
    """
    if not {"left", "right"} & set(part.name.split()):
        return ""
    siblings = [p for p in entity.parts if p.kind == part.kind and p.id != part.id]
    if len(siblings) == 1:
        if part.box[2] <= siblings[0].box[0]:
            return "left"
        return "right" if part.box[0] >= siblings[0].box[2] else ""
    if siblings:
        return ""
    x0, _, x1, _ = entity.box
    columns = masks.decode(part.mask).sum(0)[x0:x1]
    return ("left", "", "right")[_halves(columns)]


def in_twos(part: Part, entity: Entity) -> bool:
    """Whether the entity has two of the part's kind, a left and a right one, and no more."""
    kin = [p.name for p in entity.parts if p.kind == part.kind and not p.positional]
    return sorted(kin) == [f"left {part.kind}", f"right {part.kind}"]


def source(variant: Variant, entity: Entity, scene: Scene, window: Window) -> dict[str, str]:
    """What the references of a removed part show: ``source_kind`` and, named, ``source``.

    ``part``: mainly another part of the entity (the smallest such one); ``entity``: the entity;
    ``other``: another entity; ``surroundings``: nothing that was found. Empty when mixed.
    """
    tokens = np.zeros(window.grid, bool)
    tokens.ravel()[variant.references] = True
    height, width = entity.mask.size
    taken = masks.from_grid(tokens, window.box, (height, width))

    def shown(thing: Entity | Part) -> float:
        return float((masks.decode(thing.mask) & taken).sum() / max(int(taken.sum()), 1))

    parts = [p for p in entity.parts if p.id != variant.part and not p.positional]
    if fitting := [p for p in parts if shown(p) >= MAINLY]:
        return {"source_kind": "part", "source": min(fitting, key=_area).name}
    shares = {e.id: shown(e) for e in scene.entities}
    if shares[entity.id] >= MAINLY:
        return {"source_kind": "entity"}
    for other in scene.entities:
        if shares[other.id] >= MAINLY and other.name != entity.name:
            return {"source_kind": "other", "source": other.name}
    return {"source_kind": "surroundings"} if sum(shares.values()) <= HARDLY else {}


def _area(part: Part) -> int:
    return int(masks.decode(part.mask).sum())
