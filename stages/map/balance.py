"""Apply quotas to manifest rows: rejects of a block's surplus, and the state of the data set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from stages.engine.codes import AsideCode
from stages.engine.stage import Reject
from stages.engine.storage.tables import select_columns
from stages.map.quotas import Candidate, Group, Quotas, Selection, select
from stages.tools import Tool

MET = "met"
_TOLERANCE = 0.02
"""Excess over a limit in the whole data set that still counts as met: each block rounds up."""


_CANDIDATE_COLUMNS = ("key", "variant", "tool", "entity_name", "part_kind", "positional")


class MapAside(AsideCode):
    """Reasons to set a variant aside, or a photo with all its variants."""

    OVER_QUOTA = "over_quota"


def find_surplus(rows: Sequence[dict[str, Any]], quotas: Quotas, seed: int) -> list[Reject]:
    """Return the rejects of a block's variants beyond the quotas.

    A photo of which no variant is left gets one reject.
    """
    candidates = [_candidate(row) for row in rows]
    selection = select(candidates, quotas, seed)
    drawn = Counter(group for candidate in candidates for group in candidate.groups)
    of_photo = Counter(candidate.key for candidate in candidates)
    surplus: defaultdict[str, list[Reject]] = defaultdict(list)
    for candidate, group in selection.left_out.items():
        reject = _reject(candidate, group, selection, drawn[group], len(candidates), quotas)
        surplus[candidate.key].append(reject)
    found: list[Reject] = []
    for key, rejects in surplus.items():
        if len(rejects) < of_photo[key]:
            found += rejects
        else:
            message = "all variants of the photo are over a quota: " + rejects[0].message
            found.append(Reject(key, None, rejects[0].code, message, rejects[0].evidence))
    return found


def _candidate(row: dict[str, Any]) -> Candidate:
    return Candidate(
        key=row["key"],
        variant=row["variant"],
        tool=row["tool"],
        entity=row["entity_name"],
        part=row["part_kind"],
        positional=row["positional"],
    )


def _reject(
    candidate: Candidate, group: Group, selection: Selection, drawn: int, total: int, quotas: Quotas
) -> Reject:
    kind, value = group
    limit, allowed = selection.limits[group], quotas.limit(group)
    raised = f", raised to {limit:.3g}, which this block can meet" if limit > allowed else ""
    return Reject(
        candidate.key,
        candidate.variant,
        MapAside.OVER_QUOTA,
        f"{kind} {value} has {drawn} of the {total} variants of this block of photos; "
        f"map.quotas.{kind} allows a share of {allowed:g}{raised}",
        {
            "quota": kind,
            "value": value,
            "limit": round(limit, 6),
            "drawn": [drawn, total],
            "kept": [selection.counts[group], selection.kept],
        },
    )


def describe_states(
    rows: Sequence[dict[str, Any]], quotas: Quotas, tools: Collection[Tool]
) -> Iterator[str]:
    """Describe for each row whether its tool, entity or part has more than its share of all rows.

    Args:
        rows: of the whole data set; iterated twice.
        quotas: the limits. They are raised only where `tools` cannot meet them.
        tools: all tools that may be drawn.

    Yields:
        ``met``, or the groups with too large a share: ``tool distort: 0.52 of at most 0.4``.
    """
    raised = quotas.limits({("tool", tool) for tool in tools})
    needed = select_columns(rows, _CANDIDATE_COLUMNS)
    counts = Counter(group for row in needed for group in _candidate(row).groups)
    over: dict[Group, str] = {}
    for group, count in counts.items():
        kind, value = group
        limit = raised.get(group, 1.0) if kind == "tool" else quotas.limit(group)
        if (share := count / len(rows)) > limit + _TOLERANCE:
            over[group] = f"{kind} {value}: {share:.3f} of at most {limit:.3g}"
    for row in needed:
        yield ", ".join(over[group] for group in _candidate(row).groups if group in over) or MET
