"""The variants of the training: each leaves out or changes one ingredient of the full recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from applications.studies.subsets import Entry, order_across_photos, order_by_photo
from stages.tools import TOOLS

Selection = Callable[[Sequence[Entry], int], Sequence[Entry]]
"""Selects training pairs; receives all of them and the seed."""


def take_all(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
    """Return all pairs."""
    return pairs


def take_half_by_photo(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
    """Return half of the pairs, from as few photos as possible: all pairs of some photos."""
    return order_by_photo(pairs, seed)[: math.ceil(len(pairs) / 2)]


def take_half_across_photos(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
    """Return half of the pairs, from as many photos as possible."""
    return order_across_photos(pairs, seed)[: math.ceil(len(pairs) / 2)]


def take_surest(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
    """Return the half of the pairs that the filter's judge is surest of; empty without a judge."""
    known = [entry for entry in pairs if not math.isnan(entry.sureness)]
    ranked = sorted(known, key=lambda entry: (-entry.sureness, entry.pair))
    return ranked[: math.ceil(len(pairs) / 2)]


def take_least_sure(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
    """Return the half of the pairs that the filter's judge is least sure of."""
    known = [entry for entry in pairs if not math.isnan(entry.sureness)]
    ranked = sorted(known, key=lambda entry: (entry.sureness, entry.pair))
    return ranked[: math.ceil(len(pairs) / 2)]


def leave_out(tool: str) -> Selection:
    """Return a selection of the pairs without flaws of a tool."""

    def select(pairs: Sequence[Entry], seed: int) -> Sequence[Entry]:
        return [entry for entry in pairs if tool not in entry.tools]

    return select


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One declaration: how a training differs from the full recipe."""

    summary: str
    crops: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `CropParams` with other values."""
    select: Selection = take_all
    unseen: str = ""
    """The tool that it is not trained on; empty: it sees all."""
    with_decoded: bool = True
    """Whether photos that the autoencoder has decoded are shown as clean, if there are any."""


FULL, NO_DECODED = "full", "no-decoded"
VARIANTS: dict[str, Variant] = {
    FULL: Variant(summary="every ingredient"),
    "without-controls": Variant(
        summary="photos against flawed pictures, nothing clean from the autoencoder",
        crops={"controls": False},
        with_decoded=False,
    ),
    **{
        f"without-{tool}": Variant(
            summary=f"no flaws of {tool}", select=leave_out(tool), unseen=tool
        )
        for tool in TOOLS
    },
    "no-augmentation": Variant(
        summary="no recompression, resizing, blur, noise, colour", crops={"strength": 0.0}
    ),
    "one-flaw": Variant(summary="no several flaws in a picture", crops={"several": 0.0}),
    NO_DECODED: Variant(
        summary="no photos decoded by the autoencoder as clean pictures", with_decoded=False
    ),
    "half-of-photos": Variant(
        summary="half of the pairs, all those of half of the photos", select=take_half_by_photo
    ),
    "half-of-pairs": Variant(
        summary="half of the pairs, from all photos", select=take_half_across_photos
    ),
    "surest-half": Variant(
        summary="half of the pairs, those that the judge is surest of", select=take_surest
    ),
    "least-sure-half": Variant(
        summary="half of the pairs, those that the judge is least sure of", select=take_least_sure
    ),
}
