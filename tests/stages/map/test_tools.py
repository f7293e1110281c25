"""What holds for every kernel of every tool."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.map.pairs import NoMapping, source_index
from stages.map.params import MapParams
from stages.map.tools import KERNELS
from stages.records import grid
from stages.records.documents import TOOLS
from stages.records.seeding import generator
from tests.stages.map.conftest import sites, touching_sites

PARAMS = MapParams()
EVERY = [(tool, kernel) for tool in KERNELS for kernel in KERNELS[tool]]


def run(tool, kernel, site, *seed):
    return KERNELS[tool][kernel](site, generator(7, *seed), getattr(PARAMS, tool))


def test_every_tool_is_registered():
    assert tuple(KERNELS) == TOOLS
    assert set(KERNELS["distort"]) == {
        "jitter",
        "strip",
        "permutation",
        "swirl",
        "voronoi",
        "shards",
    }


@pytest.mark.parametrize(("tool", "kernel"), EVERY)
@given(data=st.data(), seed=st.integers(0, 99))
def test_a_mapping_is_unique_in_range_and_repeatable(tool, kernel, data, seed):
    site = data.draw(touching_sites() if tool == "fuse" else sites())
    try:
        pairs = run(tool, kernel, site, seed)
    except NoMapping:
        return
    tokens = site.part.size
    index = source_index(pairs, tokens)
    rest = np.setdiff1d(np.arange(tokens), pairs.targets)
    assert (index[rest] == rest).all()
    assert len(pairs.targets) == len(pairs.references) > 0
    again = run(tool, kernel, site, seed)
    assert again.targets.tolist() == pairs.targets.tolist()
    assert again.references.tolist() == pairs.references.tolist()
    assert again.facts == pairs.facts


@pytest.mark.parametrize(("tool", "kernel"), EVERY)
def test_most_sites_have_a_mapping(tool, kernel):
    part = np.zeros((24, 24), dtype=bool)
    part[8:13, 9:15] = True
    other = np.zeros_like(part)
    other[8:16, 14:20] = True
    site = site_of(part, other)
    assert len(run(tool, kernel, site, 0).targets) >= 6


@pytest.mark.parametrize(("tool", "kernel"), [e for e in EVERY if e[1] != "swirl"])
def test_another_seed_gives_another_mapping(tool, kernel):
    part = np.zeros((24, 24), dtype=bool)
    part[8:13, 9:15] = True
    other = np.zeros_like(part)
    other[8:16, 14:20] = True
    site = site_of(part, other)
    found = {run(tool, kernel, site, seed).references.tobytes() for seed in range(8)}
    found_targets = {run(tool, kernel, site, seed).targets.tobytes() for seed in range(8)}
    assert len(found) > 1 or len(found_targets) > 1


def site_of(part, other):
    from stages.map.pairs import Site

    entity = grid.dilate(part, 3) | other
    return Site(part, entity, np.zeros_like(part), np.zeros_like(part), other)
