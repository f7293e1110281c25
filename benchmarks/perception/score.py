"""Score predictions against labels, photo by photo, and compute figures of all photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from benchmarks.perception.labels import KINDS, LabelledPhoto, MainThing
from benchmarks.perception.matching import (
    Outcome,
    is_inside,
    mask_overlap,
    match,
    wilson_interval,
)
from stages.records.documents import Box, Document, Entity, Part
from stages.records.masks import decode

MIN_OVERLAP = {"people": 0.5, "faces": 0.3, "hands": 0.3}
"""Minimum intersection over union of a match."""
GOOD_OVERLAP = 0.7
"""Minimum foreground intersection over union that counts as good."""
PERSON = "person"
FACE_PARTS = frozenset({"face", "eye", "nose", "mouth"})
"""Kinds of a person's parts that must lie in a labelled face."""
HAND_PARTS = frozenset({"hand", "finger"})
"""Kinds that must lie in a labelled hand; all other kinds must lie in a labelled person."""
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Edges of the calibration table's bins; the last bin is closed."""

Naming = Literal["right", "coarse", "wrong", "none"]


class Scored(Document):
    """A prediction's score and whether it was right."""

    kind: str
    score: float
    right: bool


class Misplaced(Document):
    """A part that lies outside the thing it belongs on."""

    name: str
    kind: str


class PhotoScore(Document):
    """The scores of one photo."""

    name: str
    labels: dict[str, int]
    """Kind to the number of labels that are not difficult."""
    found: dict[str, int]
    """Kind to the number of those that were found."""
    scored: list[Scored]
    """Predictions except those on difficult labels."""
    naming: Naming | None
    """None where no main thing is labelled."""
    said: str | None
    """Predicted name of the main thing."""
    foreground: float | None
    """Intersection over union of the main thing; None where no outline is labelled."""
    uncalled: int
    """Number of things predicted where none is labelled."""
    parts: int
    positional: int
    misplaced: list[Misplaced]
    """Parts of people that lie outside the label they belong in."""


class Share(Document):
    """A count of a total, with Wilson's 95 % interval."""

    count: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int) -> Share:
        """Create a share with its interval."""
        low, high = wilson_interval(count, total)
        return cls(count=count, total=total, low=round(low, 4), high=round(high, 4))

    @property
    def value(self) -> float:
        """The share; 0 when the total is 0."""
        return self.count / self.total if self.total else 0.0


class Bin(Document):
    """Predictions whose score lies in [low, high)."""

    kind: str
    low: float
    high: float
    right: Share
    mean_score: float


class Figures(Document):
    """The figures of all photos."""

    photos: int
    precision: dict[str, Share]
    recall: dict[str, Share]
    foreground_mean: float
    foreground_median: float
    foreground_good: Share
    """Share of photos that reach `GOOD_OVERLAP`."""
    naming: dict[Naming, int]
    uncalled: int
    parts: int
    positional: int
    misplaced: dict[str, int]
    """Kind of part to the number of misplaced ones."""
    calibration: list[Bin]


def score_photo(photo: LabelledPhoto, entities: Sequence[Entity]) -> PhotoScore:
    """Compare one photo's entities with its labels."""
    people = [entity for entity in entities if entity.name == PERSON]
    predicted: dict[str, list[tuple[Box, float]]] = {
        "people": [(person.box, person.score) for person in people],
        "faces": _boxes(people, "face"),
        "hands": _boxes(people, "hand"),
    }
    outcomes: dict[str, Outcome] = {
        kind: match([box for box, _ in predicted[kind]], photo.marks(kind), MIN_OVERLAP[kind])
        for kind in KINDS
    }
    scored = [
        Scored(kind=kind, score=value, right=right)
        for kind, outcome in outcomes.items()
        for (_, value), right in zip(predicted[kind], outcome.right, strict=True)
        if right is not None
    ]
    things = [entity for entity in entities if entity.name != PERSON]
    # A perceiver may find several things; the largest one counts as its main thing.
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


def compute_figures(rows: Sequence[PhotoScore]) -> Figures:
    """Compute the figures of all photos.

    Raises:
        ValueError: there are no photos.
    """
    if not rows:
        raise ValueError("no labelled photo was found: see docs/perception-figures.md")
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
        foreground_good=Share.of(sum(g >= GOOD_OVERLAP for g in grounds), len(grounds)),
        naming=dict(names),
        uncalled=sum(row.uncalled for row in rows),
        parts=sum(row.parts for row in rows),
        positional=sum(row.positional for row in rows),
        misplaced=dict(sorted(misplaced.items())),
        calibration=compute_calibration(scored),
    )


def compute_calibration(scored: Sequence[Scored]) -> list[Bin]:
    """Compute a bin for each kind and range of scores that has predictions."""
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
    return round(mask_overlap(outline, decode(main.mask)), 4) if main else 0.0


def _misplaced(part: Part, photo: LabelledPhoto) -> bool:
    ys, xs = np.nonzero(decode(part.mask))
    marks = photo.people
    if part.kind in FACE_PARTS:
        marks = photo.faces
    elif part.kind in HAND_PARTS:
        marks = photo.hands
    return not is_inside((float(xs.mean()), float(ys.mean())), marks)
