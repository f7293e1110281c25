"""The data of `dvc plots`: small tables that a stage writes beside its manifest, as JSON.

dvc.yaml names the files and their templates in ``.dvc/plots``.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.engine.files import write_atomically
from stages.engine.stage import Reject

OUTCOMES = "outcomes"
"""The plot of every stage: what became of its photos and variants."""

Table = Sequence[Mapping[str, Any]]
"""Rows with the same columns; at least one, since DVC cannot read a table without rows."""


def write_plots(folder: Path, plots: Mapping[str, Table]) -> None:
    """Write each table as ``<name>.json``, a row a line; the same tables give the same bytes."""
    for name, rows in plots.items():
        lines = (json.dumps(_defuse(row), ensure_ascii=False, allow_nan=False) for row in rows)
        text = ",\n".join(lines)
        write_atomically(folder / f"{name}.json", f"[\n{text}\n]\n".encode())


def _defuse(row: Mapping[str, Any]) -> dict[str, Any]:
    """Replace ``<`` in texts: DVC writes the rows into a script of its page as they are, where
    ``</script>`` would end it."""
    return {k: v.replace("<", "‹") if isinstance(v, str) else v for k, v in row.items()}


def count_rejects(rejects: Iterable[Reject]) -> Counter[tuple[bool, str]]:
    """Count rejects by whether they are about a variant, and by code."""
    return Counter((reject.variant is not None, str(reject.code)) for reject in rejects)


def count_outcomes(
    stage: str, numbers: Mapping[str, float], rejects: Iterable[Reject], aside: Collection[str]
) -> list[dict[str, Any]]:
    """Count what became of the photos and, in stages whose rows are variants, of the variants.

    Args:
        stage: the stage's name.
        numbers: those of its metrics: ``photos_accepted`` and, if there, ``variants_accepted``.
        rejects: rejected photos and variants, and those set aside.
        aside: the codes with which they are set aside.

    Returns:
        Rows of ``stage``, ``unit`` (``photos`` or ``flaws``), ``outcome`` (``accepted``,
        ``rejected`` or ``aside``), ``reason`` (the code, empty for the accepted) and ``count``.
    """
    codes = count_rejects(rejects)
    rows = []
    for is_variant, unit, accepted in (
        (False, "photos", "photos_accepted"),
        (True, "flaws", "variants_accepted"),
    ):
        if accepted in numbers:
            rows.append(_outcome(stage, unit, "accepted", "", int(numbers[accepted])))
        rows += [
            _outcome(stage, unit, "aside" if code in aside else "rejected", code, count)
            for (of_variants, code), count in sorted(codes.items())
            if of_variants == is_variant
        ]
    return rows


def _outcome(stage: str, unit: str, outcome: str, reason: str, count: int) -> dict[str, Any]:
    return {"stage": stage, "unit": unit, "outcome": outcome, "reason": reason, "count": count}


def make_histogram(values: Iterable[float], edges: Sequence[float]) -> list[dict[str, float]]:
    """Count values in the bins between ascending edges, which are the same in every version, so
    that versions can be compared.

    A value below the first edge is counted in the first bin, one at or above the last edge in the
    last bin.

    Returns:
        One row per bin: ``from``, ``to`` and ``count``.
    """
    last = len(edges) - 2
    counts = Counter(min(max(bisect_right(edges, v) - 1, 0), last) for v in values)
    return [
        {"from": edges[n], "to": edges[n + 1], "count": counts[n]} for n in range(len(edges) - 1)
    ]
