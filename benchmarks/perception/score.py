"""One photo's predictions against its labels, and the figures of many photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from benchmarks.perception.labels import KINDS, LabelledPhoto, MainThing
from benchmarks.perception.matching import Outcome, inside, match, overlap, wilson
from stages.records.documents import Box, Document, Entity, Part
from stages.records.masks import decode

LEAST = {"people": 0.5, "faces": 0.3, "hands": 0.3}
"""Least intersection over union of a match."""
GOOD = 0.7
"""Foreground intersection over union that counts as good."""
PERSON = "person"
FACE_PARTS = frozenset({"face", "eye", "nose", "mouth"})
"""Kinds of a person's parts that must lie in a labelled face."""
HAND_PARTS = frozenset({"hand", "finger"})
"""Kinds that must lie in a labelled hand; all others must lie in a labelled person."""
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the calibration table's bins; the last one is closed."""

Naming = Literal["right", "coarse", "wrong", "none"]


class Scored(Document):
    """A prediction's score and whether it was right."""

    kind: str
    score: float
    right: bool


class Misplaced(Document):
    """A part on the wrong thing."""

    name: str
    kind: str


class PhotoScore(Document):
    """What became of one photo."""

    name: str
    labels: dict[str, int]
    """Kind to labels that are not difficult."""
    found: dict[str, int]
    """Kind to how many of those were found."""
    scored: list[Scored]
    """Predictions, without those on difficult labels."""
    naming: Naming | None
    """None without a labelled main thing."""
    said: str | None
    """Name of the main thing that was predicted."""
    foreground: float | None
    """Intersection over union; None without an outline."""
    uncalled: int
    """Things predicted where none is labelled."""
    parts: int
    positional: int
    misplaced: list[Misplaced]
    """A person's parts that lie outside what they should be on."""


class Share(Document):
    """A count of a total, with Wilson's 95 % interval."""

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int) -> Share:
        """With its interval."""
        low, high = wilson(count, total)
        return cls(count=count, total=total, low=round(low, 4), high=round(high, 4))

    @property
    def value(self) -> float:
        """0 of nothing."""
        return self.count / self.total if self.total else 0.0


class Bin(Document):
    """Predictions whose score lies in [low, high)."""

    kind: str
    low: float
    high: float
    right: Share
    mean_score: float


class Figures(Document):
    """Of all photos."""

    photos: int
    precision: dict[str, Share]
    recall: dict[str, Share]
    foreground_mean: float
    foreground_median: float
    foreground_good: Share
    """At least `GOOD`."""
    naming: dict[Naming, int]
    uncalled: int
    parts: int
    positional: int
    misplaced: dict[str, int]
    """Kind of part to how many lie on the wrong thing."""
    calibration: list[Bin]


def score(photo: LabelledPhoto, entities: Sequence[Entity]) -> PhotoScore:
    """Compare one photo's entities with its labels."""
    people = [entity for entity in entities if entity.name == PERSON]
    predicted: dict[str, list[tuple[Box, float]]] = {
        "people": [(person.box, person.score) for person in people],
        "faces": _boxes(people, "face"),
        "hands": _boxes(people, "hand"),
    }
    outcomes: dict[str, Outcome] = {
        kind: match([box for box, _ in predicted[kind]], photo.marks(kind), LEAST[kind])
        for kind in KINDS
    }
    scored = [
        Scored(kind=kind, score=value, right=right)
        for kind, outcome in outcomes.items()
        for (_, value), right in zip(predicted[kind], outcome.right, strict=True)
        if right is not None
    ]
    things = [entity for entity in entities if entity.name != PERSON]
    # a perceiver may find several: the largest is its main thing
    main = max(things, key=lambda e: int(decode(e.mask).sum())) if things else None
    naming = _naming(photo.thing, main)
    if main is not None and naming is not None:
        scored.append(Scored(kind="names", score=main.score, right=naming == "right"))
    parts = [part for entity in entities for part in entity.parts]
    return PhotoScore(
        name=photo.name,
        labels={k: sum(f is not None for f in o.found) for k, o in outcomes.items()},
        found={k: sum(f is True for f in o.found) for k, o in outcomes.items()},
        scored=scored,
        naming=naming,
        said=main.name if main else None,
        foreground=_foreground(photo, main),
        uncalled=len(things) if photo.thing is None else 0,
        parts=len(parts),
        positional=sum(part.positional for part in parts),
        misplaced=[
            Misplaced(name=part.name, kind=part.kind)
            for person in people
            for part in person.parts
            if _misplaced(part, photo)
        ],
    )


def figures(rows: Sequence[PhotoScore]) -> Figures:
    """Sum photos up. Raises ValueError when there are none."""
    if not rows:
        raise ValueError("no labelled photo was found")
    grounds = [row.foreground for row in rows if row.foreground is not None]
    scored = [item for row in rows for item in row.scored]
    names = Counter[Naming](row.naming for row in rows if row.naming is not None)
    misplaced = Counter(part.kind for row in rows for part in row.misplaced)
    return Figures(
        photos=len(rows),
        precision={k: _share([s for s in scored if s.kind == k], lambda s: s.right) for k in KINDS},
        recall={
            k: Share.of(sum(r.found[k] for r in rows), sum(r.labels[k] for r in rows))
            for k in KINDS
        },
        foreground_mean=round(float(np.mean(grounds or [0.0])), 4),
        foreground_median=round(float(np.median(grounds or [0.0])), 4),
        foreground_good=Share.of(sum(g >= GOOD for g in grounds), len(grounds)),
        naming=dict(names),
        uncalled=sum(row.uncalled for row in rows),
        parts=sum(row.parts for row in rows),
        positional=sum(row.positional for row in rows),
        misplaced=dict(sorted(misplaced.items())),
        calibration=calibration(scored),
    )


def calibration(scored: Sequence[Scored]) -> list[Bin]:
    """A bin a kind and range of scores that holds any prediction."""
    out = []
    for kind in (*KINDS, "names"):
        for low, high in pairwise(BINS):
            held = [
                s
                for s in scored
                if s.kind == kind and (low <= s.score < high or s.score == high == BINS[-1])
            ]
            if held:
                mean = round(float(np.mean([s.score for s in held])), 4)
                share = _share(held, lambda s: s.right)
                out.append(Bin(kind=kind, low=low, high=high, right=share, mean_score=mean))
    return out


def _share(items: Sequence[Scored], test: Callable[[Scored], bool]) -> Share:
    return Share.of(sum(map(test, items)), len(items))


def _boxes(people: Sequence[Entity], kind: str) -> list[tuple[Box, float]]:
    return [(p.box, p.score) for person in people for p in person.parts if p.kind == kind]


def _naming(thing: MainThing | None, main: Entity | None) -> Naming | None:
    if thing is None:
        return None
    if main is None:
        return "none"
    if main.name in thing.right:
        return "right"
    return "coarse" if main.name in thing.coarse else "wrong"


def _foreground(photo: LabelledPhoto, main: Entity | None) -> float | None:
    outline = photo.thing.mask((photo.height, photo.width)) if photo.thing else None
    if outline is None:
        return None
    return round(overlap(outline, decode(main.mask)), 4) if main else 0.0


def _misplaced(part: Part, photo: LabelledPhoto) -> bool:
    ys, xs = np.nonzero(decode(part.mask))
    marks = photo.people
    if part.kind in FACE_PARTS:
        marks = photo.faces
    elif part.kind in HAND_PARTS:
        marks = photo.hands
    return not inside((float(xs.mean()), float(ys.mean())), marks)
