"""Sites and scenes the map tests share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from stages.map.pairs import Site
from stages.records import masks
from stages.records.documents import Entity, Part, Scene, Window


def box_mask(shape, y0, x0, y1, x1):
    mask = np.zeros(shape, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


@st.composite
def sites(draw, side=12):
    """A part with a random, not always connected outline inside an entity, and a sibling."""
    shape = (side, draw(st.integers(side, side + 4)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, x = draw(st.integers(1, side - 6)), draw(st.integers(1, side - 6))
    height, width = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    part = box_mask(shape, y, x, y + height, x + width) & (rng.random(shape) < 0.9)
    part[y, x] = part[y + 1, x] = part[y, x + 1] = True
    entity = part | box_mask(shape, y, 0, side, x + width)
    siblings = box_mask(shape, 0, x + width, 2, x + width + 1) & ~part
    return Site(part, entity, siblings, *np.zeros((2, *shape), dtype=bool))


@st.composite
def touching_sites(draw):
    """Two blocks that overlap by 0 to 4 columns, or meet along an edge."""
    shape = (10, 16)
    middle, overlap = draw(st.integers(5, 10)), draw(st.integers(0, 4))
    part = box_mask(shape, draw(st.integers(0, 2)), middle - 5, 8, middle)
    other = box_mask(shape, 1, middle - overlap, draw(st.integers(6, 10)), middle + 5)
    return Site(part, part | other, *np.zeros((2, *shape), dtype=bool), other)


SIZE = 384


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
