"""Null edits: pictures in which something changed, or nothing, but not what the mapping says.

They are made from each result's *control*, so that the autoencoder's fingerprints are there, go
through the factory's own composite, and get the mask that the renderer would give them. Where that
is empty (the renderer itself would refuse), they get the flaw's own, so that the filter has to
refuse them by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from benchmarks.judging.results import Result
from benchmarks.quality import nulls
from benchmarks.quality.nulls import Site
from stages.inject.composite import blend, composite, visible
from stages.inject.params import InjectParams
from stages.inject.tokens import grow
from stages.models.protocols import Case
from stages.records.documents import TOOLS, Tool
from stages.records.images import Image
from stages.records.masks import Mask
from stages.records.seeding import generator
from stages.records.windows import cut

STILL: dict[str, Callable[[Site, np.random.Generator], Image]] = {
    "control": lambda site, rng: site.window,
    "blurred": nulls.blurred,
    "noisy": nulls.noisy,
    "recompressed": nulls.recompressed,
}
A_RESULT = 2
RESTORED = "restored"
SHUFFLED = "shuffled"
KINDS: dict[Tool, tuple[str, ...]] = {
    tool: (RESTORED, *STILL, *(() if tool == "distort" else (SHUFFLED,))) for tool in TOOLS
}
"""Shuffled patches are one of distort's own kernels, so they are no null edit of it."""


def edits(result: Result, number: int, params: InjectParams) -> Iterator[tuple[str, Case]]:
    """`A_RESULT` null edits of one result's mapping: kind, and what the filter would see.

    The kinds take turns by the result's `number`.
    """
    case, shown = result.case, result.shown
    site = Site(case.variant, shown.sides, case.window_control, case.window_control)
    kinds = KINDS[case.variant.tool]
    for turn in range(A_RESULT):
        kind = kinds[(number * A_RESULT + turn) % len(kinds)]
        if kind == RESTORED:
            picture = case.real
        else:
            make = nulls.shuffled if kind == SHUFFLED else STILL[kind]
            window = make(site, generator(0, result.name, kind))
            weights = blend(
                grow(site.grid(case.variant.targets), params.margin),
                case.window,
                case.mask.shape,
                params.feather,
            )
            picture = composite(case.control, window.astype(np.float32), case.window.box, weights)
        yield kind, seen(case, picture, params)


def seen(case: Case, picture: Image, params: InjectParams) -> Case:
    """`case` with another picture in the flaw's place, and the mask that goes with it."""
    everywhere: Mask = np.ones(case.mask.shape, dtype=bool)
    mask = visible(picture, case.control, everywhere, params.mask)
    return replace(
        case,
        artifact=picture,
        window_artifact=cut(picture, case.window),
        mask=mask if mask.any() else case.mask,
    )
