"""Choose square windows around parts, as near to the photo's own scale as possible. Pure functions.

The best window has the model's size in photo pixels (1:1). It is smaller, and the photo is zoomed
in, if its parts would be too few tokens wide; it is larger, and scaled down, if they would fill it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.records.documents import TOKEN, Box, Entity, Window

MAX_ZOOM = 4.0
"""Maximum factor by which photo pixels are enlarged in a window."""
TARGET_LENGTH = 0.6
"""Length of the parts that a candidate window is made for, as a share of its side: `add` needs room
beside them."""
MAX_LENGTH = 0.85
"""Maximum length of any part of a window, as a share of its side."""
MIN_INSIDE = 0.95
"""Minimum share of a part's box inside a window."""
NATIVE_BONUS = 0.25
"""Worth of 1:1 scale, in parts."""
MIN_WORTH = 0.3
"""Minimum worth, in parts, of a second or later window: each costs an inversion."""


@dataclass(frozen=True)
class Target:
    """What the choice of windows needs to know about a part."""

    id: str
    kind: str
    box: Box
    worth: float
    """Its score; half of that if only its position is known."""

    @property
    def width(self) -> float:
        """Geometric mean of its box's sides, in photo pixels."""
        return math.sqrt((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def length(self) -> int:
        """Longer side of its box, in photo pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def targets(entities: Sequence[Entity]) -> list[Target]:
    """Return all parts of the entities as targets."""
    return [
        Target(part.id, part.kind, part.box, part.score * (0.5 if part.positional else 1.0))
        for entity in entities
        for part in entity.parts
    ]


def square_around(centre: tuple[float, float], side: int, photo: tuple[int, int]) -> Box:
    """Return the square around `centre`, shifted into the (width, height) photo.

    `side` must not be greater than the photo's shorter side.
    """
    x = min(max(round(centre[0] - side / 2), 0), photo[0] - side)
    y = min(max(round(centre[1] - side / 2), 0), photo[1] - side)
    return (x, y, x + side, y + side)


def width_in_tokens(target: Target, box: Box, window: int) -> float:
    """Return the width of a part in tokens of the window, whose side is `window` model pixels."""
    return target.width * window / (box[2] - box[0]) / TOKEN


def share_inside(inner: Box, outer: Box) -> float:
    """Return the share of the area of `inner` that lies in `outer`."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(width, 0) * max(height, 0) / area if area else 0.0


def fits(target: Target, box: Box, photo: tuple[int, int], window: int, tokens: float) -> bool:
    """Return whether a part is at least `tokens` wide and lies inside the window `box`.

    A part too long for any square of the photo fits the largest square if 80 % of it is inside.
    """
    if width_in_tokens(target, box, window) < tokens:
        return False
    side = box[2] - box[0]
    if side == min(photo) and target.length > MAX_LENGTH * side:
        return share_inside(target.box, box) >= 0.8
    return target.length <= MAX_LENGTH * side and share_inside(target.box, box) >= MIN_INSIDE


def candidates(
    found: Sequence[Target], photo: tuple[int, int], window: int, tokens: float
) -> Iterator[Box]:
    """Yield squares around each part and each two parts: at 1:1 scale, so large that they have
    `TARGET_LENGTH`, zoomed in until they are `tokens` wide, and the largest of the photo."""
    largest = min(photo)
    smallest = min(max(round(window / MAX_ZOOM), 1), largest)
    seen: set[Box] = set()
    for i, a in enumerate(found):
        for b in found[i:]:
            box = (
                min(a.box[0], b.box[0]), min(a.box[1], b.box[1]),
                max(a.box[2], b.box[2]), max(a.box[3], b.box[3]),
            )  # fmt: skip
            centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            length = max(box[2] - box[0], box[3] - box[1])
            wanted = min(a.width, b.width) * window / (tokens * TOKEN)
            roomy = length / TARGET_LENGTH
            for side in (window, roomy, max(roomy, min(wanted, window)), largest):
                out = square_around(centre, min(max(round(side), smallest), largest), photo)
                if out not in seen:
                    seen.add(out)
                    yield out


def choose_windows(
    entities: Sequence[Entity],
    photo: tuple[int, int],
    window: int,
    max_windows: int,
    min_part_tokens: float,
) -> list[Window]:
    """Choose up to `max_windows` square windows that hold many parts, of many kinds.

    Greedy: each window is the candidate with the maximum worth of parts that no window holds yet;
    the n-th part of a kind counts 1/n of its worth.

    Args:
        entities: with parts and masks in photo pixels.
        photo: width and height.
        window: side in model pixels, a multiple of 16.
        max_windows: at least 1.
        min_part_tokens: minimum width of a part in tokens.
    """
    left = targets(entities)
    boxes = list(candidates(left, photo, window, min_part_tokens))
    served: Counter[str] = Counter()
    out: list[Window] = []
    while left and len(out) < max_windows:
        best: tuple[float, Box, list[Target]] | None = None
        for box in boxes:
            inside = [t for t in left if fits(t, box, photo, window, min_part_tokens)]
            worth = _worth(inside, served)
            if not inside or (out and worth < MIN_WORTH):
                continue
            worth += NATIVE_BONUS * (box[2] - box[0] == window)
            if best is None or worth > best[0] + 1e-9:
                best = (worth, box, inside)
        if best is None:
            break
        _, box, inside = best
        served.update(t.kind for t in inside)
        left = [t for t in left if t not in inside]
        out.append(
            Window(id=f"w{len(out)}", box=box, size=(window, window), parts=[t.id for t in inside])
        )
    return out


def _worth(inside: Sequence[Target], served: Counter[str]) -> float:
    """Return the worth of the parts `inside`; `served` counts those in earlier windows by kind."""
    count, worth = Counter(served), 0.0
    for target in sorted(inside, key=lambda t: -t.worth):
        count[target.kind] += 1
        worth += target.worth / count[target.kind]
    return worth
