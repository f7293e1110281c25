"""What is in the data set, for `dvc plots`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stages.engine.plots import make_histogram
from stages.engine.storage.tables import select_columns
from stages.tools import TOOLS

MAX_NAMES = 15
"""Maximum number of entities and of parts; rarer ones are counted together as `OTHERS`."""
OTHERS = "others"
EDGES = tuple(round(10 ** (n / 5 - 2), 4) for n in range(21))
"""From 0.01 to 100 % of the picture, five bins per factor of ten."""


def count_flaws(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count the flaws of a manifest by tool, entity and kind of part.

    Returns:
        Rows of ``tool``, ``entity``, ``part`` and ``count``. A tool without flaws has one row with
        the count 0.
    """
    needed = select_columns(rows, ("tool", "entity", "part_kind"))
    drawn = Counter((row["tool"], row["entity"], row["part_kind"]) for row in needed)
    entities = _common((entity, count) for (_, entity, _), count in drawn.items())
    parts = _common((part, count) for (_, _, part), count in drawn.items())
    counts: Counter[tuple[str, str, str]] = Counter()
    for (tool, entity, part), count in drawn.items():
        shown = entity if entity in entities else OTHERS, part if part in parts else OTHERS
        counts[tool, *shown] += count
    for tool in TOOLS:
        if not any(name == tool for name, _, _ in counts):
            counts[tool, OTHERS, OTHERS] = 0
    return [
        {"tool": tool, "entity": entity, "part": part, "count": count}
        for (tool, entity, part), count in sorted(counts.items())
    ]


def _common(counted: Iterable[tuple[str, int]]) -> set[str]:
    """Return the names with the largest sums."""
    sums: Counter[str] = Counter()
    for name, count in counted:
        sums[name] += count
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return {name for name, _ in ordered[:MAX_NAMES]}


def count_areas(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count the visible areas of flaws, in percent of the picture, by tool.

    Returns:
        Rows of ``tool``, ``from``, ``to`` and ``count``.
    """
    areas = {tool: array("d") for tool in TOOLS}
    for row in select_columns(rows, ("tool", "mask_pixels", "width", "height")):
        areas[row["tool"]].append(100 * row["mask_pixels"] / (row["width"] * row["height"]))
    return [
        {"tool": tool, **bin_}
        for tool, found in areas.items()
        for bin_ in make_histogram(found, EDGES)
    ]
