"""The summary of a stage's run: one row of numbers, checked by its gate. Some are DVC metrics."""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stages.engine.codes import EngineCode
from stages.engine.stage import Reject
from stages.engine.workspace import FactoryError

EXAMPLES = 5
"""Number of keys shown with a failed expectation."""

_NOT_METRICS = frozenset(
    f"{what}_{how}" for what in ("photos", "variants") for how in ("missing", "extra")
) | {"internal_error_rate"}
"""Numbers that are 0 unless the gate fails, and one that repeats ``internal_errors``."""

MEANINGS = "metrics.json"
"""File in a stage's folder: statistics of its manifest that DVC keeps as metrics, with their
meaning and unit."""

Row = dict[str, Any]
Pair = tuple[str, str]
"""(photo key, variant)"""


@dataclass(frozen=True)
class Upstream:
    """A stage's input: photo keys and, after map, the (photo, variant) pairs of those photos. For
    map, if it leaves variants out: the pairs that it drew."""

    photos: list[str]
    variants: set[Pair]


@dataclass(frozen=True)
class Summary:
    """The numbers, and the photos and variants they were computed from."""

    numbers: dict[str, float]
    keys: dict[str, list[str]]
    """Name of a count to the photos or variants counted."""
    rows: Sequence[Row]
    """The manifest."""
    counted: Collection[str] = ()
    """Columns whose values are counted."""

    def has_column(self, column: str | None) -> bool:
        """Whether `column` can be judged: False for a statistic of a manifest without rows, which
        has no columns. True for an unknown column otherwise, so that its expectation fails."""
        return column in self.numbers or bool(self.rows)

    def count_photos(self, column: str | None) -> int:
        """Return the number of photos that a number rests on; for None, those in the manifest."""
        if column in self.numbers and "." not in column:
            return int(self.numbers["photos_in"] - self.numbers["photos_aside"])
        name = (column or "key").partition(".")[0]
        return len({row["key"] for row in self.rows if row.get(name) is not None})

    def examples(self, column: str) -> list[str]:
        """Return up to `EXAMPLES` photos or variants that account for the number `column`."""
        if column in self.keys:
            return self.keys[column][:EXAMPLES]
        if column not in self.numbers:
            return []
        name, _, statistic = column.partition(".")
        rows = [row for row in self.rows if row.get(name) is not None]
        found: Iterable[Row]
        if name in self.counted:
            found = [row for row in rows if str(row[name]) == statistic][:EXAMPLES]
        elif statistic == "max":
            found = heapq.nlargest(EXAMPLES, rows, key=lambda row: row[name])
        elif statistic == "mean":  # those farthest from it
            mean = self.numbers[column]
            found = heapq.nlargest(EXAMPLES, rows, key=lambda row: abs(row[name] - mean))
        else:  # min, and rate: those that are False
            found = heapq.nsmallest(EXAMPLES, rows, key=lambda row: row[name])
        return [name_of(row["key"], row.get("variant")) for row in found]

    def metrics(self, chosen: Collection[str]) -> dict[str, float]:
        """Return the numbers that DVC keeps as metrics: counts, rates, and the statistics
        `chosen`.

        Left out are `_NOT_METRICS`, and numbers of variants in a stage whose rows are not variants.
        """
        variants = "variant" in self.rows[0] if self.rows else self.numbers["variants_in"] > 0
        return {
            name: value
            for name, value in self.numbers.items()
            if name in chosen
            or name.partition(".")[0] in self.counted
            or (
                "." not in name
                and name not in _NOT_METRICS
                and (variants or not name.startswith("variant"))
            )
        }


def load_metrics(folder: Path) -> dict[str, str]:
    """Load the statistics of `MEANINGS` from a stage's folder; none if it has no such file."""
    path = folder / MEANINGS
    return json.loads(path.read_bytes()) if path.is_file() else {}


def name_of(key: str, variant: str | None) -> str:
    """Return ``<photo>`` or ``<photo>-<variant>``."""
    return f"{key}-{variant}" if variant else key


def _statistics(rows: Sequence[Row], counted: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Compute means, minima and maxima of numbers, rates of booleans, counts of categories."""
    found: dict[str, float] = {}
    for column in rows[0] if rows else ():
        values = [row[column] for row in rows if row[column] is not None]
        if column in counted:
            # A value that no row has counts 0: a gate may ask for it.
            names = dict.fromkeys(counted[column], 0)
            found |= {f"{column}.{n}": c for n, c in sorted((names | Counter(values)).items())}
        elif values and all(isinstance(v, bool) for v in values):
            found[f"{column}.rate"] = round(sum(values) / len(values), 6)
        elif values and all(isinstance(v, int | float) for v in values):
            if not all(map(math.isfinite, values)):
                raise FactoryError(f"manifest column {column!r} holds NaN or infinity")
            found[f"{column}.mean"] = round(sum(values) / len(values), 6)
            found[f"{column}.min"] = min(values)
            found[f"{column}.max"] = max(values)
    return found


def summarise(
    upstream: Upstream,
    accepted: Sequence[str],
    rows: Sequence[Row],
    rejects: Sequence[Reject],
    aside: Collection[str] = (),
    counted: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Summary:
    """Compute the counts, which must balance (as sets, accepted + rejected + aside = incoming, of
    photos and of variants), and the statistics of the manifest.

    The variants of a rejected photo count as rejected, those of one set aside as set aside. A rate
    of internal errors does not count the first one, so that a single photo cannot stop the others.

    Args:
        upstream: the stage's input.
        accepted: keys of the photos that the stage accepted.
        rows: the manifest.
        rejects: rejected photos and variants, and those set aside.
        aside: the codes with which photos and variants are set aside.
        counted: columns whose values are counted, as `Stage.counted`.

    Raises:
        FactoryError: a column of the manifest holds NaN or infinity.
    """
    incoming, passed = set(upstream.photos), set(accepted)
    out = {r.key for r in rejects if r.variant is None}
    apart = {r.key for r in rejects if r.variant is None and r.code in aside}
    errors = [r.key for r in rejects if r.code == EngineCode.INTERNAL_ERROR]
    listed = [(r["key"], r["variant"]) for r in rows if "variant" in r]
    kept = set(listed)
    dropped = {(r.key, r.variant) for r in rejects if r.variant is not None}
    dropped |= {pair for pair in upstream.variants if pair[0] in out}
    spared = {(r.key, r.variant) for r in rejects if r.variant is not None and r.code in aside}
    spared |= {pair for pair in dropped if pair[0] in apart}
    balances = bool(upstream.variants) and (not rows or "variant" in rows[0])
    missing = upstream.variants - kept - dropped if balances else set()
    unknown = (kept | dropped) - upstream.variants if balances else set()
    repeated = [pair for pair, count in Counter(listed).items() if count > 1]
    photos = {
        "in": incoming,
        "accepted": passed,
        "rejected": out - apart,
        "aside": apart,
        "missing": incoming - passed - out,
        "extra": ((passed | out) - incoming) | (passed & out),
    }
    variants = {
        "in": upstream.variants,
        "accepted": kept,
        "rejected": dropped - spared,
        "aside": spared,
        "missing": missing,
        "extra": unknown | (kept & dropped) | set(repeated),
    }
    keys = {f"photos_{name}": sorted(found) for name, found in photos.items()}
    keys |= {
        f"variants_{name}": [name_of(*pair) for pair in sorted(found)]
        for name, found in variants.items()
    }
    total = max(1, len(incoming - apart))
    numbers = {
        **{column: len(found) for column, found in keys.items()},
        "reject_rate": round(len(out - apart) / total, 6),
        "variant_reject_rate": round(
            len(dropped - spared) / max(1, len(upstream.variants - spared)), 6
        ),
        "internal_errors": len(errors),
        "internal_error_rate": round(max(0, len(errors) - 1) / total, 6),
        **_statistics(rows, counted),
    }
    keys |= {
        "reject_rate": keys["photos_rejected"],
        "variant_reject_rate": keys["variants_rejected"],
        "internal_errors": errors,
        "internal_error_rate": errors,
    }
    return Summary(numbers, keys, rows, counted)
