"""Phrases for the facts of the record, used to write texts and to read them back.

Left and right in ``PLACES`` and ``DIRECTIONS`` are the viewer's, not a depicted person's.
"""

from __future__ import annotations

PLACES = {
    "upper left": "in the upper left of the picture",
    "upper": "in the upper half of the picture",
    "upper right": "in the upper right of the picture",
    "left": "in the left half of the picture",
    "middle": "in the middle of the picture",
    "right": "in the right half of the picture",
    "lower left": "in the lower left of the picture",
    "lower": "in the lower half of the picture",
    "lower right": "in the lower right of the picture",
}
"""Phrases for ``place``: where the flaw is in the picture."""
DIRECTIONS = {
    "above": "above", "below": "below", "left": "to the left of", "right": "to the right of",
    "upper left": "above and to the left of", "upper right": "above and to the right of",
    "lower left": "below and to the left of", "lower right": "below and to the right of",
}  # fmt: skip
"""Phrases for ``direction``: where a copy is relative to its original."""
SOURCES = {
    "above": "from above", "below": "from below", "left": "from the left",
    "right": "from the right", "upper left": "from the upper left",
    "upper right": "from the upper right", "lower left": "from the lower left",
    "lower right": "from the lower right",
}  # fmt: skip
"""Phrases for ``source_direction``: where the texture that replaces a removed part comes from."""
POSITIONS = {
    "upper part": ("upper part", "top part", "top"),
    "lower part": ("lower part", "bottom part", "bottom"),
    "left part": ("left part", "left side"),
    "right part": ("right part", "right side"),
    "middle part": ("middle part", "middle", "central part"),
    "upper left part": ("upper left part", "top left part", "upper left side"),
    "upper right part": ("upper right part", "top right part", "upper right side"),
    "lower left part": ("lower left part", "bottom left part", "lower left side"),
    "lower right part": ("lower right part", "bottom right part", "lower right side"),
}
"""Names for a part of which only the position is known, by its name in the record."""
STRIPS = {"lying": "horizontal", "standing": "vertical"}
"""Words for ``strips``: the orientation of a distorted part's bands."""
SIZES = ("tiny", "small", "large")
"""Values of ``size``: the visible flaw's share of the picture."""
EXTENTS = ("piece", "half", "most")
"""Values of ``extent``: its share of the entity (a small piece, about half, most of it)."""


def direction_words(direction: object) -> str:
    """Return a direction of the record (``below``, ``above left``) as a preposition; "" for none.

    Raises:
        ValueError: unknown direction; no text is better than a wrong one.
    """
    return _look_up(DIRECTIONS, direction)


def source_words(direction: object) -> str:
    """Return the phrase for the direction that something comes from: ``from the left``.

    Raises:
        ValueError: unknown direction.
    """
    return _look_up(SOURCES, direction)


def _look_up(table: dict[str, str], direction: object) -> str:
    if not direction:
        return ""
    name = str(direction).replace("-", " ").replace("above ", "upper ").replace("below ", "lower ")
    if name not in table:
        raise ValueError(f"unknown direction {direction!r}")
    return table[name]
