"""One row of numbers about a stage's run: what its gate judges and DVC keeps as metrics."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stages.engine.codes import EngineCode
from stages.engine.stage import Reject
from stages.engine.workspace import FactoryError
from stages.records.documents import TOOLS

EXAMPLES = 5
"""So many keys are shown with a failed expectation."""
_COUNTED = ("tool", "reason", "split")

Row = dict[str, Any]
Pair = tuple[str, str]
"""(photo key, variant)"""


@dataclass(frozen=True)
class Upstream:
    """What came in: photo keys and, past map, (photo, variant) pairs of those photos."""

    photos: list[str]
    variants: set[Pair]


@dataclass(frozen=True)
class Summary:
    """The numbers, and the keys behind them."""

    numbers: dict[str, float]
    keys: dict[str, list[str]]
    """For the counts: the photos or variants counted."""
    rows: Sequence[Row]

    def known(self, column: str | None) -> bool:
        """False for a statistic of a manifest without rows, which has no columns."""
        return column in self.numbers or bool(self.rows)

    def photos_behind(self, column: str | None) -> int:
        """How many photos a number stands on; of no column: how many the manifest has."""
        if column in self.numbers and "." not in column:
            return int(self.numbers["photos_in"] - self.numbers["photos_aside"])
        name = (column or "key").partition(".")[0]
        return len({row["key"] for row in self.rows if row.get(name) is not None})

    def examples(self, column: str) -> list[str]:
        """Keys of photos or variants that make the number `column` what it is."""
        if column in self.keys:
            return self.keys[column][:EXAMPLES]
        if column not in self.numbers:
            return []
        name, _, statistic = column.partition(".")
        rows = [row for row in self.rows if row.get(name) is not None]
        found: Iterable[Row]
        if name in _COUNTED:
            found = [row for row in rows if str(row[name]) == statistic][:EXAMPLES]
        elif statistic == "max":
            found = heapq.nlargest(EXAMPLES, rows, key=lambda row: row[name])
        elif statistic == "mean":  # the farthest from it
            mean = self.numbers[column]
            found = heapq.nlargest(EXAMPLES, rows, key=lambda row: abs(row[name] - mean))
        else:  # min, and rate: those that are False
            found = heapq.nsmallest(EXAMPLES, rows, key=lambda row: row[name])
        return [name_of(row["key"], row.get("variant")) for row in found]


def name_of(key: str, variant: str | None) -> str:
    """``<photo>`` or ``<photo>-<variant>``, as published."""
    return f"{key}-{variant}" if variant else key


def _statistics(rows: Sequence[Row]) -> dict[str, float]:
    """Mean, minimum and maximum of numeric columns, rates of booleans, counts of categories."""
    found: dict[str, float] = {}
    for column in rows[0] if rows else ():
        values = [row[column] for row in rows if row[column] is not None]
        if column in _COUNTED:
            # A tool that no row has counts 0: a gate may ask for it.
            names = dict.fromkeys(TOOLS if column == "tool" else (), 0)
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
) -> Summary:
    """Counts that must balance (accepted + rejected + aside = incoming, as sets) and statistics.

    A photo that falls out takes its variants with it: they count as rejected. `aside` are the codes
    of what is counted apart: copies, history, files of another kind. One photo cannot stop the
    rest: the first internal error does not count in the rate.

    Raises:
        FactoryError: a manifest column is not finite.
    """
    incoming, taken = set(upstream.photos), set(accepted)
    out = {r.key for r in rejects if r.variant is None}
    apart = {r.key for r in rejects if r.variant is None and r.code in aside}
    errors = [r.key for r in rejects if r.code == EngineCode.INTERNAL_ERROR]
    listed = [(r["key"], r["variant"]) for r in rows if "variant" in r]
    kept = set(listed)
    fallen = {(r.key, r.variant) for r in rejects if r.variant is not None}
    fallen |= {pair for pair in upstream.variants if pair[0] in out}
    ends_variants = bool(upstream.variants) and (not rows or "variant" in rows[0])
    lost = upstream.variants - kept - fallen if ends_variants else set()
    strange = (kept | fallen) - upstream.variants if ends_variants else set()
    twice = [pair for pair, count in Counter(listed).items() if count > 1]
    photos = {
        "in": incoming,
        "accepted": taken,
        "rejected": out - apart,
        "aside": apart,
        "missing": incoming - taken - out,
        "extra": ((taken | out) - incoming) | (taken & out),
    }
    variants = {
        "in": upstream.variants,
        "accepted": kept,
        "rejected": fallen,
        "missing": lost,
        "extra": strange | (kept & fallen) | set(twice),
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
        "variant_reject_rate": round(len(fallen) / max(1, len(upstream.variants)), 6),
        "internal_errors": len(errors),
        "internal_error_rate": round(max(0, len(errors) - 1) / total, 6),
        **_statistics(rows),
    }
    keys |= {
        "reject_rate": keys["photos_rejected"],
        "variant_reject_rate": keys["variants_rejected"],
        "internal_errors": errors,
        "internal_error_rate": errors,
    }
    return Summary(numbers, keys, rows)
