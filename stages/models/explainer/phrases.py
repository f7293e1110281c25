"""Facts of the record and the words that stand for them: what is written and what is read back.

``PLACES`` and ``DIRECTIONS`` are as the viewer sees the picture, whatever side a person calls left.
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
"""``place``, where in the picture the flaw lies."""
DIRECTIONS = {
    "above": "above", "below": "below", "left": "to the left of", "right": "to the right of",
    "upper left": "above and to the left of", "upper right": "above and to the right of",
    "lower left": "below and to the left of", "lower right": "below and to the right of",
}  # fmt: skip
"""``direction``, where a copy lies beside its original."""
SOURCES = {
    "above": "from above", "below": "from below", "left": "from the left",
    "right": "from the right", "upper left": "from the upper left",
    "upper right": "from the upper right", "lower left": "from the lower left",
    "lower right": "from the lower right",
}  # fmt: skip
"""``source_direction``, where what fills a removed part's place comes from."""
STRIPS = {"lying": "horizontal", "standing": "vertical"}
"""``strips``, how the bands of a distorted part lie."""
SIZES = ("tiny", "small", "large")
"""``size``, the visible flaw's share of the picture."""
EXTENTS = ("piece", "half", "most")
"""``extent``, its share of the entity: a small piece, about half, most of it."""


def direction_words(direction: object) -> str:
    """A direction of the record (``below``, ``above left``) as a preposition; "" if there is none.

    Raises:
        ValueError: a word this grammar does not know; better no text than a wrong one.
    """
    return _look_up(DIRECTIONS, direction)


def source_words(direction: object) -> str:
    """The same for where something comes from: ``from the left``.

    Raises:
        ValueError: an unknown word.
    """
    return _look_up(SOURCES, direction)


def _look_up(table: dict[str, str], direction: object) -> str:
    if not direction:
        return ""
    name = str(direction).replace("-", " ").replace("above ", "upper ").replace("below ", "lower ")
    if name not in table:
        raise ValueError(f"unknown direction {direction!r}")
    return table[name]
