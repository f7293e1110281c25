import numpy as np
import pytest

from benchmarks.perception.labels import LabelledPhoto, MainThing, Mark
from stages.records.documents import Entity, Part
from stages.records.masks import bounding_box, encode

SHAPE = (60, 80)


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(SHAPE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.fixture
def part():
    def make(name, kind, box, score=0.9, positional=False):
        mask = rectangle(*box)
        return Part(
            id="e0.p0", name=name, kind=kind, positional=positional, score=score,
            box=bounding_box(mask), mask=encode(mask), tools=["distort"],
        )  # fmt: skip

    return make


@pytest.fixture
def entity():
    def make(name, box, parts=(), score=0.8):
        mask = rectangle(*box)
        return Entity(
            id="e0", name=name, score=score, box=bounding_box(mask), mask=encode(mask),
            parts=list(parts),
        )  # fmt: skip

    return make


@pytest.fixture
def photo():
    def make(people=(), faces=(), hands=(), thing=None):
        boxes = [[Mark(box=box) for box in kind] for kind in (people, faces, hands)]
        return LabelledPhoto(
            name="a.png", collection="samples", sha256="0" * 64, width=80, height=60,
            people=boxes[0], faces=boxes[1], hands=boxes[2], thing=thing,
        )  # fmt: skip

    return make


@pytest.fixture
def cat():
    return MainThing(
        right=("cat",),
        coarse=("animal", "object"),
        outline=((10, 10), (29, 10), (29, 29), (10, 29)),
    )
