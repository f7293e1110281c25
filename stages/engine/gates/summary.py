"""The summary of a stage's run: one row of numbers, checked by its gate. Some are DVC metrics."""

from __future__ import annotations

import heapq
import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stages.engine.gates import balance
from stages.engine.stage import Reject
from stages.engine.storage.pairs import Pairs, make_pairs
from stages.engine.storage.tables import list_columns, read_column, select_columns
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


@dataclass(frozen=True)
class Upstream:
    """A stage's input: photo keys and, after map, the (photo, variant) pairs of those photos. For
    map, if it leaves variants out: the pairs that it drew."""

    photos: Sequence[str]
    variants: Pairs = field(default_factory=make_pairs)


@dataclass(frozen=True)
class Summary:
    """The numbers, and the photos and variants they were computed from."""

    numbers: dict[str, float]
    keys: dict[str, list[str]]
    """Name of a count to some of the photos or variants counted, at least `EXAMPLES` of them."""
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
        rows = select_columns(self.rows, self._present("key", name))
        return len({row["key"] for row in rows if row.get(name) is not None})

    def _present(self, *names: str) -> list[str]:
        """Return those of `names` that are columns of the manifest."""
        return [name for name in dict.fromkeys(names) if name in list_columns(self.rows)]

    def examples(self, column: str) -> list[str]:
        """Return up to `EXAMPLES` photos or variants that account for the number `column`."""
        if column in self.keys:
            return self.keys[column][:EXAMPLES]
        if column not in self.numbers:
            return []
        name, _, statistic = column.partition(".")
        needed = select_columns(self.rows, self._present("key", "variant", name))
        rows = (row for row in needed if row.get(name) is not None)
        found: Iterable[Row]
        if name in self.counted:
            found = islice((row for row in rows if str(row[name]) == statistic), EXAMPLES)
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
        names = list_columns(self.rows)
        variants = "variant" in names if names else self.numbers["variants_in"] > 0
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
    for column in list_columns(rows):
        values = [value for value in read_column(rows, column) if value is not None]
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
    apart = balance.split_rejects(rejects, aside)
    photos = balance.balance_photos(upstream.photos, accepted, apart)
    has_variants = "variant" in list_columns(rows)
    listed = balance.listed_pairs(rows) if has_variants else make_pairs()
    balances = len(upstream.variants) > 0 and (has_variants or not rows)
    variants = balance.balance_variants(upstream.variants, listed, apart, balances)
    sets = {f"photos_{name}": found for name, found in photos.items()}
    sets |= {f"variants_{name}": found for name, found in variants.items()}
    keys = {column: balance.first_of(found, EXAMPLES) for column, found in sets.items()}
    counts = {column: len(found) for column, found in sets.items()}
    total = max(1, len(balance.minus(photos["in"], photos["aside"])))
    offered = max(1, len(balance.minus(variants["in"], variants["aside"])))
    numbers = {
        **counts,
        "reject_rate": round(counts["photos_rejected"] / total, 6),
        "variant_reject_rate": round(counts["variants_rejected"] / offered, 6),
        "internal_errors": len(apart.errors),
        "internal_error_rate": round(max(0, len(apart.errors) - 1) / total, 6),
        **_statistics(rows, counted),
    }
    keys |= {
        "reject_rate": keys["photos_rejected"],
        "variant_reject_rate": keys["variants_rejected"],
        "internal_errors": apart.errors,
        "internal_error_rate": apart.errors,
    }
    return Summary(numbers, keys, rows, counted)
