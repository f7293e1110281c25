"""add: duplicates a peripheral part near itself (algorithm section 2; paper, injection tools)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stages.engine.section import PositiveShare, Share
from stages.records import grid
from stages.records.colours import steps_across
from stages.records.grid import Grid, Indices
from stages.tools.add.released import ArgmaxParams, best_offset
from stages.tools.aspects.mapping import MappingAspect, NoMapping, Pairs, Site, ToolParams


class AddParams(ToolParams):
    """Params of the kernels: of ``ring``, and those of ``argmax`` under its name."""

    ring_width: int = Field(default=2, ge=1, le=8)
    """Width, in tokens, of the ring around the part's outline in which the copy's centre may
    lie."""
    min_kept: PositiveShare = 0.5
    """Minimum share of the copy inside the window."""
    max_hidden: Share = 0.2
    """Maximum share of the part, and of its siblings' tokens in the window, that the copy may hide:
    a part hidden by its own copy was moved, not added. 1 = no limit, as in the paper."""
    distance_weight: float = Field(default=0.1, ge=0, le=10)
    """Increase of the score's denominator per token of Euclidean distance."""
    max_stray: Share = 0.25
    """Maximum amount by which the entity's share of the copy's place may be below its share of the
    part's border: an eye is surrounded by the entity, and so must its copy be. 1 = no limit."""
    tone: float = Field(default=10.0, gt=0, le=1000)
    """CIELAB step across the copy's outline that halves its score."""
    argmax: ArgmaxParams = ArgmaxParams()


def candidates(part: Grid, width: int) -> Indices:
    """Return the (n, 2) displacements that put the part's centre in the ring around its outline.

    The ring may leave the window: `ring` checks how much of the copy stays inside.
    """
    room = np.pad(part, width)
    return grid.points(grid.ring(room, width)) - width - grid.anchor(part)


def score(site: Site, targets: Indices, offset: Indices, weight: float) -> float:
    """Score a copy: kept * (3 - overlap with part - siblings - rest of the entity) / (1 + weight *
    moved).

    Overlaps and `kept` are shares of the part's tokens; `moved` is the Euclidean length of
    `offset`. The factor `kept` is ours: tokens cut off at the window's edge overlap nothing, so
    without it a cropped copy would score better.
    """
    rest = site.entity & ~site.part & ~site.siblings
    covered = sum(mask.ravel()[targets].sum() for mask in (site.part, site.siblings, rest))
    size, moved = int(site.part.sum()), float(np.hypot(*offset))
    return len(targets) / size * float(3 - covered / size) / (1 + weight * moved)


def hidden_share(site: Site, targets: Indices) -> float:
    """Return the share of the part's tokens that the copy hides, or of its siblings' if greater."""
    return max(
        float(mask.ravel()[targets].sum() / mask.sum()) if mask.any() else 0.0
        for mask in (site.part, site.siblings)
    )


def _step(site: Site, targets: Indices, offset: Indices) -> float:
    """Return the mean CIELAB step across the copy's outline; 0 if colours are not known."""
    region = np.zeros_like(site.part)
    region.ravel()[targets] = True
    inner, outer = grid.outline(region)
    if site.colours is None or not len(inner):
        return 0.0
    return float(steps_across(site.colours, inner - offset, outer))


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn min-max-normalised scores into probabilities; uniform if all scores are equal."""
    spread = scores - scores.min()
    return spread / spread.sum() if spread.any() else np.full(len(scores), 1 / len(scores))


def ring(site: Site, rng: np.random.Generator, params: AddParams) -> Pairs:
    """Draw a displacement with probability in proportion to its score, lowered by the step in
    colour across the copy's outline; references are the part's own tokens.

    Raises:
        NoMapping: ``no_room`` - no copy stays in the window, lies on or beside the entity as the
            part does, and leaves the part visible.
    """
    need = params.min_kept * site.part.sum()
    border = site.entity[grid.ring(site.part, 1)]
    on_entity = (border.mean() if len(border) else 0) - params.max_stray
    reach = grid.dilate(site.entity, 1).ravel()
    fits = [
        (offset, targets)
        for offset in candidates(site.part, params.ring_width)
        for targets, _ in [grid.displace(site.part, offset)]
        if len(targets) >= need
        and reach[targets].any()
        and hidden_share(site, targets) <= params.max_hidden
        and site.entity.ravel()[targets].mean() >= on_entity
    ]
    if not fits:
        raise NoMapping("no_room")
    scores = np.array(
        [
            score(site, at, offset, params.distance_weight)
            / (1 + _step(site, at, offset) / params.tone)
            for offset, at in fits
        ]
    )
    return copy(site, fits[int(rng.choice(len(fits), p=probabilities(scores)))][0])


def argmax(site: Site, _: np.random.Generator, params: AddParams) -> Pairs:
    """Take the displacement of the highest score, as the released code does.

    Raises:
        NoMapping: ``no_room`` - no copy stays in the window and covers a token of the entity.
    """
    return copy(site, best_offset(site, params.argmax))


def copy(site: Site, offset: Indices) -> Pairs:
    """Pair the tokens of the part moved by `offset`, as targets, with the part's own."""
    targets, references = grid.displace(site.part, offset)
    dy, dx = map(int, offset)
    facts = {
        "direction": grid.direction(dy, dx),
        "offset": [dy, dx],
        "kept_share": round(len(targets) / int(site.part.sum()), 4),
    }
    return Pairs(targets, references, facts)


ASPECT = MappingAspect(
    kernels={"ring": ring, "argmax": argmax}, params=AddParams(), needs_name=True
)
