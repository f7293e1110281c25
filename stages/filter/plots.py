"""Histograms of scores, for `dvc plots`."""

from __future__ import annotations

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
    outcomes = {"accepted": list(accepted), "rejected": list(rejected)}
    return [
        {"score": name, "outcome": outcome, **bin_}
        for name in names
        for outcome, variants in outcomes.items()
        for bin_ in make_histogram([v[name] for v in variants if v.get(name) is not None], EDGES)
    ]
