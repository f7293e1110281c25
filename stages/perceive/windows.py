"""Where the model works: square windows around parts, near the photo's own scale. Pure functions.

A window of the model's size taken 1:1 is best. It becomes smaller in the photo (zoomed in) when its
parts would be under a few tokens wide, larger (scaled down) when they would fill it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stages.records.documents import TOKEN, Box, Entity, Window

MAX_ZOOM = 4.0
"""A window's photo pixels are enlarged at most this much."""
ROOM = 0.6
"""Greatest share of a window's side for what it was made for: `add` needs room beside it."""
TIGHT = 0.85
"""Greatest share of a window's side for a part that rides along."""
INSIDE = 0.95
"""Least share of a part's box inside a window."""
NATIVE_BONUS = 0.25
"""What 1:1 scale is worth, in parts."""
WORTH_A_WINDOW = 0.3
"""Least worth, in parts, of a further window: each costs an inversion."""


@dataclass(frozen=True)
class Target:
    """A part as the choice of windows sees it."""

    id: str
    kind: str
    box: Box
    worth: float
    """Its score; half of that when only its position is known."""

    @property
    def width(self) -> float:
        """Geometric mean of its box's sides: how wide it is, in photo pixels."""
        return math.sqrt((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def length(self) -> int:
        """Its longer side in photo pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def targets(entities: Sequence[Entity]) -> list[Target]:
    """All parts of the entities."""
    return [
        Target(part.id, part.kind, part.box, part.score * (0.5 if part.positional else 1.0))
        for entity in entities
        for part in entity.parts
    ]


def square(centre: tuple[float, float], side: int, photo: tuple[int, int]) -> Box:
    """The square of `side` around `centre` moved into the (width, height) photo it must fit."""
    x = min(max(round(centre[0] - side / 2), 0), photo[0] - side)
    y = min(max(round(centre[1] - side / 2), 0), photo[1] - side)
    return (x, y, x + side, y + side)


def tokens_wide(target: Target, box: Box, window: int) -> float:
    """How many tokens of the window a part is wide."""
    return target.width * window / (box[2] - box[0]) / TOKEN


def share_inside(inner: Box, outer: Box) -> float:
    """Share of `inner`'s area that lies in `outer`."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(width, 0) * max(height, 0) / area if area else 0.0


def fits(target: Target, box: Box, photo: tuple[int, int], window: int, tokens: float) -> bool:
    """Whether the model can work on a part in the window `box`.

    A part too large for any square of the photo fits the largest square if 80 % of it is inside.
    """
    if tokens_wide(target, box, window) < tokens:
        return False
    side = box[2] - box[0]
    if side == min(photo) and target.length > TIGHT * side:
        return share_inside(target.box, box) >= 0.8
    return target.length <= TIGHT * side and share_inside(target.box, box) >= INSIDE


def candidates(
    found: Sequence[Target], photo: tuple[int, int], window: int, tokens: float
) -> Iterator[Box]:
    """Squares worth a thought: around each part and each two parts, native and with just room."""
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
            for side in (window, length / ROOM, max(length / ROOM, min(wanted, window)), largest):
                out = square(centre, min(max(round(side), smallest), largest), photo)
                if out not in seen:
                    seen.add(out)
                    yield out


def choose(
    entities: Sequence[Entity],
    photo: tuple[int, int],
    window: int,
    max_windows: int,
    min_part_tokens: float,
) -> list[Window]:
    """Up to `max_windows` square windows that serve the most, and the most different, parts.

    Greedy: each window is the candidate with the greatest worth of parts not served yet; the n-th
    part of one kind counts 1/n of its worth.

    Args:
        entities: with parts and masks in photo pixels.
        photo: width and height.
        window: side in model pixels, a multiple of 16.
        max_windows: at least 1.
        min_part_tokens: least width of a part in tokens.
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
            if not inside or (out and worth < WORTH_A_WINDOW):
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
    count, worth = Counter(served), 0.0
    for target in sorted(inside, key=lambda t: -t.worth):
        count[target.kind] += 1
        worth += target.worth / count[target.kind]
    return worth
