"""Tests of the rules on synthetic features: 6 x 6 tokens, each with its own random vector."""

import numpy as np
import pytest

from benchmarks.quality.cases import Sides
from benchmarks.quality.intended import RULES, Comparison
from stages.records.documents import Variant

COUNT = 36


def make_variant(tool, targets, references):
    return Variant(
        id="v0", window="w0", tool=tool, kernel="k", entity="e0", entity_name="e", part="e0.p0",
        part_name="p", part_kind="p", positional=False, seed=0, targets=targets,
        references=references,
    )  # fmt: skip


@pytest.fixture
def features():
    return np.random.default_rng(1).normal(size=(COUNT, 152)).astype(np.float32)


@pytest.fixture
def pixels():
    return np.random.default_rng(2).integers(0, 256, (96, 96, 3), dtype=np.uint8)


def score(mapping, before, after, photo, picture=None, sides=None):
    picture = photo if picture is None else picture
    return RULES[mapping.tool](Comparison(mapping, sides, photo, picture, before, after))


def gather(features, targets, references):
    after = features.copy()
    after[targets] = features[references]
    return after


SITES = {
    "add": (make_variant("add", [14, 15], [0, 1]), None),
    "remove": (make_variant("remove", [14, 15], [13, 16]), None),
    "distort": (make_variant("distort", [14, 15, 20, 21], [21, 20, 15, 14]), None),
    "fuse": (
        make_variant("fuse", [14, 20, 15, 21], [9, 3, 8, 2]),
        Sides(part=[2, 8, 14, 20], other=[3, 9, 15, 21]),
    ),
}


@pytest.mark.parametrize("tool", SITES)
def test_unchanged_photo_scores_zero(tool, features, pixels):
    mapping, sides = SITES[tool]
    found = score(mapping, features, features, pixels, sides=sides)
    assert found.pop("stuff", 1.0) == pytest.approx(1.0)
    assert list(found.values()) == pytest.approx([0.0], abs=1e-6)


@pytest.mark.parametrize("tool", SITES)
def test_flaw_scores_high(tool, features, pixels):
    mapping, sides = SITES[tool]
    after = gather(features, mapping.targets, mapping.references)
    found = score(mapping, features, after, pixels, sides=sides)
    assert min(found.values()) > 0.5


def test_other_content_is_not_an_addition(features, pixels):
    mapping, _ = SITES["add"]
    found = score(mapping, features, gather(features, [14, 15], [30, 31]), pixels)
    assert found["presence"] < 0.3


def test_shuffled_part_is_not_gone(features, pixels):
    mapping, _ = SITES["remove"]
    jumbled = score(mapping, features, gather(features, [14, 15], [15, 14]), pixels)
    filled = score(mapping, features, gather(features, [14, 15], [13, 16]), pixels)
    assert jumbled["gone"] < 0.1 < filled["gone"]


def test_fuse_requires_both_directions(features, pixels):
    mapping, sides = SITES["fuse"]
    one = score(mapping, features, gather(features, [14], [9]), pixels, sides=sides)
    assert one["mix"] == pytest.approx(0.0, abs=1e-6)


def test_distort_detects_other_colours(features, pixels):
    mapping, _ = SITES["distort"]
    after = gather(features, mapping.targets, mapping.references)
    painted = pixels.copy()
    painted[32:64, 32:64] = (255, 0, 0)
    assert score(mapping, features, after, pixels, painted)["stuff"] < 0.75
    assert score(mapping, features, after, pixels)["stuff"] > 0.95
