"""Derive facts about a flaw from masks: where it is in the picture, how large, on which side, how
many such parts there are now, and what took a removed part's place.

Pure functions. A fact is recorded only if it is clear; ``stages/models/explainer/phrases.py`` holds
the words for it. Left and right are the viewer's, except in the names of parts, where they are a
person's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages import tools
from stages.records import grid, masks
from stages.records.documents import Entity, Part, Scene, Variant, Window
from stages.records.masks import Mask
from stages.tools.aspects.facts import FactsAspect

CLEAR = 0.9
"""Minimum share of a mask's pixels in a half of the picture for the mask to lie in that half."""
TINY, SMALL, LARGE = 0.005, 0.025, 0.15
"""Shares of the picture: tiny and small are below, large is at or above."""
PIECE, HALF, MOST = 0.1, (0.4, 0.6), 0.65
"""Shares of the entity: a piece is below, half is between, most is at or above."""
MIN_SOURCE_SHARE, MAX_OTHER_SHARE = 0.7, 0.1
"""Minimum share of the references that a source covers, and maximum share of them that entities
cover if the source is the surroundings."""


def find_facts(variant: Variant, scene: Scene, mask: Mask) -> dict[str, Any]:
    """Return the facts to add to `Variant.facts`, as far as they are clear: ``place``, ``size``,
    ``extent``, ``viewer_side``, ``count``, ``source``, ``source_kind``, ``source_direction``.

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
        pixels = masks.decode(entity.mask)
        found["extent"] = extent(float((mask & pixels).sum() / max(int(pixels.sum()), 1)))
    if part is not None and not part.positional:
        found["viewer_side"] = viewer_side(part, entity)
        found["count"] = wanted.count if is_one_of_two(part, entity) else None
    if wanted.source:
        window = next(w for w in scene.windows if w.id == variant.window)
        found |= source(variant, entity, scene, window)
        if "offset" in variant.facts:
            found["source_direction"] = grid.direction(*variant.facts["offset"])
    return {name: value for name, value in found.items() if value not in (None, "")}


def drop_shared_counts(variants: Sequence[Variant]) -> list[Variant]:
    """Return the variants without the fact ``count`` where another flaw of their picture adds or
    removes such a part of the same entity: with two eyes gone, it is not true that one is left."""
    changing = [v for v in variants if tools.aspect(v.tool, FactsAspect).count is not None]
    found = []
    for variant in variants:
        others = [other for other in changing if other.id != variant.id]
        if any(_kind_of_part(other) == _kind_of_part(variant) for other in others):
            facts = {name: v for name, v in variant.facts.items() if name != "count"}
            variant = variant.model_copy(update={"facts": facts})
        found.append(variant)
    return found


def _kind_of_part(variant: Variant) -> tuple[str, str, str]:
    return variant.picture, variant.entity, variant.part_kind


def place(mask: Mask) -> str:
    """Return where an (H, W) mask lies in the picture: ``upper left``, ``lower``, ``middle`` ...,
    or "" if none is clear.

    A mask lies in a half if `CLEAR` of its pixels do. If it lies in no half, it lies in the middle
    if `CLEAR` of its pixels are in the middle half of both axes.
    """
    rows, columns = _halves(mask.sum(1)), _halves(mask.sum(0))
    words = (("upper", "", "lower")[rows], ("left", "", "right")[columns])
    if any(words):
        return " ".join(filter(None, words))
    height, width = mask.shape
    centre = mask[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return "middle" if centre.sum() >= CLEAR * max(int(mask.sum()), 1) else ""


def _halves(profile: np.ndarray) -> int:
    """Return 0 or 2 if the first or second half of an axis holds `CLEAR` of the profile, else 1."""
    half, total = len(profile) // 2, max(int(profile.sum()), 1)
    if profile[:half].sum() >= CLEAR * total:
        return 0
    return 2 if profile[len(profile) - half :].sum() >= CLEAR * total else 1


def size(share: float) -> str:
    """Return ``tiny``, ``small``, ``large`` or "" for a share of the picture in 0..1."""
    if share < SMALL:
        return "tiny" if share < TINY else "small"
    return "large" if share >= LARGE else ""


def extent(share: float) -> str:
    """Return ``piece``, ``half``, ``most`` or "" for a share of the entity in 0..1."""
    if share < PIECE:
        return "piece"
    if share >= MOST:
        return "most"
    return "half" if HALF[0] <= share <= HALF[1] else ""


def viewer_side(part: Part, entity: Entity) -> str:
    """Return ``left`` or ``right``, as the viewer sees it, for a part whose name has a side; ""
    if it is not clear.

    With one sibling of its kind: the side of the sibling on which it lies, if their boxes do not
    overlap. Without siblings: the half of the entity's box that holds `CLEAR` of its pixels.
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


def is_one_of_two(part: Part, entity: Entity) -> bool:
    """Return whether the entity has exactly two parts of this kind, a left and a right one."""
    names = [p.name for p in entity.parts if p.kind == part.kind and not p.positional]
    return sorted(names) == [f"left {part.kind}", f"right {part.kind}"]


def source(variant: Variant, entity: Entity, scene: Scene, window: Window) -> dict[str, str]:
    """Return what the references of a removed part show: ``source_kind`` and, if it has a name,
    ``source``.

    ``part``: another part of the entity (the smallest that covers `MIN_SOURCE_SHARE` of them);
    ``entity``: the entity; ``other``: another entity; ``surroundings``: no entity. Empty if they
    are mixed.
    """
    tokens = np.zeros(window.grid, bool)
    tokens.ravel()[variant.references] = True
    height, width = entity.mask.size
    taken = masks.from_grid(tokens, window.box, (height, width))

    def share(thing: Entity | Part) -> float:
        return float((masks.decode(thing.mask) & taken).sum() / max(int(taken.sum()), 1))

    parts = [p for p in entity.parts if p.id != variant.part and not p.positional]
    if fitting := [p for p in parts if share(p) >= MIN_SOURCE_SHARE]:
        return {"source_kind": "part", "source": min(fitting, key=_area).name}
    shares = {e.id: share(e) for e in scene.entities}
    if shares[entity.id] >= MIN_SOURCE_SHARE:
        return {"source_kind": "entity"}
    for other in scene.entities:
        if shares[other.id] >= MIN_SOURCE_SHARE and other.name != entity.name:
            return {"source_kind": "other", "source": other.name}
    return {"source_kind": "surroundings"} if sum(shares.values()) <= MAX_OTHER_SHARE else {}


def _area(part: Part) -> int:
    return int(masks.decode(part.mask).sum())
