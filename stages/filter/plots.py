"""Histograms of scores, for `dvc plots`."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stages.engine.plots import make_histogram

EDGES = tuple(round(n / 20, 2) for n in range(22))
"""Bins of 0.05 from 0 to 1; the last one counts everything from 1 up."""


def count_scores(
    names: Sequence[str], accepted: Iterable[Mapping[str, Any]], rejected: Iterable[Mapping]
) -> list[dict[str, Any]]:
    """Count the scores of accepted and of rejected variants.

    Args:
        names: the scores, from 0 up.
        accepted: one mapping per variant, which may lack scores or hold None.
        rejected: the same for rejected variants.

    Returns:
        Rows of ``score``, ``outcome`` (``accepted`` or ``rejected``), ``from``, ``to`` and
        ``count``.
    """
    outcomes = {"accepted": accepted, "rejected": rejected}
    found = {(name, outcome): array("d") for name in names for outcome in outcomes}
    for outcome, variants in outcomes.items():
        for variant in variants:
            for name in names:
                if variant.get(name) is not None:
                    found[name, outcome].append(variant[name])
    return [
        {"score": name, "outcome": outcome, **bin_}
        for (name, outcome), values in found.items()
        for bin_ in make_histogram(values, EDGES)
    ]
