"""Make null edits: pictures in which nothing changed, or something other than the mapping says.

They are made from each result's *control*, so that they carry the autoencoder's fingerprints, go
through the project's own composite, and get the mask that the renderer would give them. Where that
mask is empty (the renderer itself would refuse the picture), they get the flaw's mask, so that the
filter has to refuse them by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from benchmarks.judging.results import Result
from benchmarks.quality import nulls
from benchmarks.quality.nulls import Site
from stages.inject.composite import blend, composite, visible_mask
from stages.inject.params import InjectParams
from stages.inject.tokens import grow
from stages.models.protocols import Case
from stages.records.images import Image
from stages.records.masks import Mask
from stages.records.seeding import generator
from stages.records.windows import cut
from stages.tools import TOOLS, Tool

UNMOVED: dict[str, Callable[[Site, np.random.Generator], Image]] = {
    "control": lambda site, rng: site.window,
    "blurred": nulls.blur,
    "noisy": nulls.add_noise,
    "recompressed": nulls.recompress,
}
"""Null edits in which nothing has another place, by kind."""
PER_RESULT = 2
"""Null edits per result."""
RESTORED = "restored"
SHUFFLED = "shuffled"
KINDS: dict[Tool, tuple[str, ...]] = {
    tool: (RESTORED, *UNMOVED, *(() if tool == "distort" else (SHUFFLED,))) for tool in TOOLS
}
"""Kinds of each tool. Shuffling patches is a kernel of distort, so it is no null edit of it."""


def make_edits(result: Result, number: int, params: InjectParams) -> Iterator[tuple[str, Case]]:
    """Make `PER_RESULT` null edits of one result's mapping: the kind, and the case for the filter.

    The kinds take turns, by the result's `number`.
    """
    case, rendered = result.case, result.rendered
    site = Site(case.variant, rendered.sides, case.window_control, case.window_control)
    kinds = KINDS[case.variant.tool]
    for turn in range(PER_RESULT):
        kind = kinds[(number * PER_RESULT + turn) % len(kinds)]
        if kind == RESTORED:
            picture = case.real
        else:
            make = nulls.shuffle if kind == SHUFFLED else UNMOVED[kind]
            window = make(site, generator(0, result.name, kind))
            weights = blend(
                grow(site.token_mask(case.variant.targets), params.margin),
                case.window,
                case.mask.shape,
                params.feather,
            )
            picture = composite(case.control, window.astype(np.float32), case.window.box, weights)
        yield kind, replace_picture(case, picture, params)


def replace_picture(case: Case, picture: Image, params: InjectParams) -> Case:
    """Replace the flawed picture of `case`, and its mask accordingly."""
    everywhere: Mask = np.ones(case.mask.shape, dtype=bool)
    mask = visible_mask(picture, case.control, everywhere, params.mask)
    return replace(
        case,
        artifact=picture,
        window_artifact=cut(picture, case.window),
        mask=mask if mask.any() else case.mask,
    )
