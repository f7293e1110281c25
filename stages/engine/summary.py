"""One row of numbers about a stage's run: what its gate judges and DVC keeps as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stages.engine.stage import Reject
from stages.engine.worker import INTERNAL_ERROR

_COUNTED = ("tool", "reason", "split")


@dataclass(frozen=True)
class Upstream:
    """What came in: photo keys and, past map, (photo, variant) pairs of those photos."""

    photos: list[str]
    variants: set[tuple[str, str]]


def _statistics(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Mean, minimum and maximum of numeric columns, rates of booleans, counts of categories."""
    found: dict[str, float] = {}
    for column in rows[0] if rows else ():
        values = [row[column] for row in rows if row[column] is not None]
        if column in _COUNTED:
            found |= {f"{column}.{name}": n for name, n in sorted(Counter(values).items())}
        elif values and all(isinstance(v, bool) for v in values):
            found[f"{column}.rate"] = sum(values) / len(values)
        elif values and all(isinstance(v, int | float) for v in values):
            found[f"{column}.mean"] = round(sum(values) / len(values), 6)
            found[f"{column}.min"] = min(values)
            found[f"{column}.max"] = max(values)
    return found


def summarise(
    upstream: Upstream,
    accepted: Sequence[str],
    rows: Sequence[dict[str, Any]],
    rejects: Sequence[Reject],
) -> dict[str, float]:
    """Counts that must balance (accepted + rejected = incoming, as sets) and statistics.

    A photo that falls out takes its variants with it: they count as rejected.
    """
    out = {r.key for r in rejects if r.variant is None}
    accounted = set(accepted) | out
    incoming = set(upstream.photos)
    kept = {(r["key"], r["variant"]) for r in rows if "variant" in r}
    fallen = {(r.key, r.variant) for r in rejects if r.variant is not None}
    fallen |= {pair for pair in upstream.variants if pair[0] in out}
    ends_variants = bool(upstream.variants) and (not rows or "variant" in rows[0])
    missing = upstream.variants - kept - fallen if ends_variants else set()
    extra = (kept | fallen) - upstream.variants if ends_variants else set()
    errors = sum(r.code == INTERNAL_ERROR for r in rejects)
    return {
        "photos_in": len(incoming),
        "photos_accepted": len(accepted),
        "photos_rejected": len(out),
        "photos_missing": len(incoming - accounted),
        "photos_extra": len(accounted - incoming) + len(set(accepted) & out),
        "variants_in": len(upstream.variants),
        "variants_accepted": len(kept),
        "variants_rejected": len(fallen),
        "variants_missing": len(missing),
        "variants_extra": len(extra) + len(kept & fallen),
        "reject_rate": round(len(out) / max(1, len(incoming)), 6),
        "internal_errors": errors,
        "internal_error_rate": round(errors / max(1, len(incoming)), 6),
        **_statistics(rows),
    }
