"""Compare the distributions of two versions: counts of names, quantiles of numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from flows.comparison.arrow import pc
from flows.comparison.versions import Version
from stages import STAGES
from stages.engine.storage.tables import REJECTS

NAMES = ("tool", "kernel", "entity", "part_kind", "split", "licence")
"""Columns of names whose counts are compared."""
NUMBERS = ("mask_share", "score.lpips_control", "score.lpips_real", "score.probability")
"""Columns of numbers whose quantiles are compared; `mask_share` is mask pixels over the picture."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 24
_MAX_NAMES = 20


@dataclass(frozen=True)
class NameShift:
    """Counts of flaws by a column's values."""

    column: str
    counts: dict[str, tuple[int, int]]
    """Value to its counts before and after, the largest change first; at most `_MAX_NAMES`."""
    distance: float
    """Total variation distance of the two distributions, 0..1."""


@dataclass(frozen=True)
class NumberShift:
    """The distribution of a number."""

    column: str
    quantiles: tuple[tuple[float, ...], tuple[float, ...]]
    """At `QUANTILES`, before and after."""
    edges: tuple[float, ...]
    histograms: tuple[tuple[int, ...], tuple[int, ...]]
    """Counts in `BINS` bins between `edges`."""
    distance: float
    """Kolmogorov-Smirnov statistic: the largest difference of the two cumulative distributions."""


def compare_names(before: pq.ParquetFile, after: pq.ParquetFile) -> list[NameShift]:
    """Compare the columns `NAMES` that both manifests have."""
    return [
        make_name_shift(column, _count(before, column), _count(after, column))
        for column in NAMES
        if column in before.schema_arrow.names and column in after.schema_arrow.names
    ]


def make_name_shift(column: str, old: Counter[str], new: Counter[str]) -> NameShift:
    """Compare two counts."""
    totals = max(old.total(), 1), max(new.total(), 1)
    change = {n: old[n] / totals[0] - new[n] / totals[1] for n in old.keys() | new.keys()}
    order = sorted(change, key=lambda name: (-abs(change[name]), name))[:_MAX_NAMES]
    distance = sum(map(abs, change.values())) / 2 if old and new else float(bool(old or new))
    return NameShift(column, {n: (old[n], new[n]) for n in order}, round(distance, 4))


def compare_rejects(before: Version, after: Version) -> NameShift:
    """Compare the counts of reject reasons, as ``<stage>: <code>``."""
    return make_name_shift("rejects", _count_rejects(before), _count_rejects(after))


def compare_numbers(before: pq.ParquetFile, after: pq.ParquetFile) -> list[NumberShift]:
    """Compare the columns `NUMBERS` that both manifests have."""
    found = []
    for column in NUMBERS:
        old, new = _numbers(before, column), _numbers(after, column)
        if old.size and new.size:
            found.append(make_number_shift(column, old, new))
    return found


def make_number_shift(
    column: str, old: NDArray[np.float64], new: NDArray[np.float64]
) -> NumberShift:
    """Compare two samples of a number, neither empty."""
    both = np.concatenate([old, new])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), BINS + 1)
    places = np.sort(both)
    shares = [np.searchsorted(np.sort(x), places, side="right") / x.size for x in (old, new)]
    quantiles = [tuple(np.round(np.quantile(x, QUANTILES), 4).tolist()) for x in (old, new)]
    histograms = [tuple(np.histogram(x, edges)[0].tolist()) for x in (old, new)]
    return NumberShift(
        column,
        (quantiles[0], quantiles[1]),
        tuple(np.round(edges, 6).tolist()),
        (histograms[0], histograms[1]),
        round(float(np.abs(shares[0] - shares[1]).max()), 4),
    )


def _count(manifest: pq.ParquetFile, column: str) -> Counter[str]:
    values = pc.value_counts(manifest.read(columns=[column]).column(0))
    return Counter({str(v["values"]): v["counts"] for v in values.to_pylist()})


def _count_rejects(version: Version) -> Counter[str]:
    counts: Counter[str] = Counter()
    for stage in STAGES:
        table = version.table(stage, REJECTS)
        if table is not None and table.metadata.num_rows:
            for code, count in _count(table, "code").items():
                counts[f"{stage}: {code}"] += count
    return counts


def _numbers(manifest: pq.ParquetFile, column: str) -> NDArray[np.float64]:
    names = manifest.schema_arrow.names
    needed = ("mask_pixels", "width", "height") if column == "mask_share" else (column,)
    if not set(needed) <= set(names):
        return np.empty(0)
    table = manifest.read(columns=list(needed))
    values = [table.column(name).drop_null().to_numpy().astype(np.float64) for name in needed]
    found = values[0] / (values[1] * values[2]) if column == "mask_share" else values[0]
    return found[np.isfinite(found)]
