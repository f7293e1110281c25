"""Scenes that the map tests share."""

from __future__ import annotations

import numpy as np
import pytest

from stages.records import masks
from stages.records.documents import Entity, Part, Scene, Window
from tests.stages.tools.conftest import box_mask

SIZE = 384


def noise():
    """A photo in which every token has its own colour."""
    rng = np.random.default_rng(0)
    return np.kron(rng.integers(0, 256, (SIZE // 16, SIZE // 16, 3)), np.ones((16, 16, 1))).astype(
        np.uint8
    )


def make_part(name, box, tools, entity="e0", number=0, kind=None, positional=False, score=0.9):
    x0, y0, x1, y1 = box
    return Part(
        id=f"{entity}.p{number}",
        name=name,
        kind=kind or name.split()[-1],
        positional=positional,
        score=score,
        box=box,
        mask=masks.encode(box_mask((SIZE, SIZE), y0, x0, y1, x1)),
        tools=tools,
    )


def make_entity(name, box, parts, number=0):
    x0, y0, x1, y1 = box
    return Entity(
        id=f"e{number}",
        name=name,
        score=0.9,
        box=box,
        mask=masks.encode(box_mask((SIZE, SIZE), y0, x0, y1, x1)),
        parts=parts,
    )


def make_scene(entities, key="0123456789abcdef", windows=None):
    every = [part.id for entity in entities for part in entity.parts]
    whole = Window(id="w0", box=(0, 0, SIZE, SIZE), size=(SIZE, SIZE), parts=every)
    return Scene(key=key, entities=entities, windows=windows or [whole], detector="test")


ALL = ["add", "remove", "distort", "fuse"]


@pytest.fixture
def person_scene():
    """One person with a face and two hands; the hands touch."""
    parts = [
        make_part("face", (160, 32, 224, 112), ["distort"], number=0),
        make_part("left hand", (128, 224, 192, 272), ALL, number=1),
        make_part("right hand", (192, 224, 256, 272), ALL, number=2),
    ]
    return make_scene([make_entity("person", (96, 16, 288, 368), parts)])
