"""Sites that the tests of tools share."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from stages.tools.aspects.mapping import Site

settings.register_profile("tools", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("tools")


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
    nothing = np.zeros(shape, dtype=bool)
    return Site(part, entity, siblings, nothing, nothing, each_sibling=(siblings,))


@st.composite
def touching_sites(draw):
    """Two blocks that overlap by 0 to 4 columns, or meet along an edge."""
    shape = (10, 16)
    middle, overlap = draw(st.integers(5, 10)), draw(st.integers(0, 4))
    part = box_mask(shape, draw(st.integers(0, 2)), middle - 5, 8, middle)
    other = box_mask(shape, 1, middle - overlap, draw(st.integers(6, 10)), middle + 5)
    return Site(part, part | other, *np.zeros((2, *shape), dtype=bool), other)
