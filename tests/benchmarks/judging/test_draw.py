from collections import Counter
from types import SimpleNamespace

import pytest

from benchmarks.judging import draw, scores
from benchmarks.judging.draw import COUNT, MIN_NAMED, SETS
from stages.tools import TOOLS


def make_candidate(photo, tool, number, positional=False):
    variant = SimpleNamespace(
        id=f"v{number}", tool=tool, kernel="k", part_kind="p", positional=positional
    )
    return SimpleNamespace(photo=photo, scene=SimpleNamespace(key=photo), variant=variant)


def test_photos_of_the_calibration_set_are_not_drawn_again():
    candidates = [make_candidate(f"p{i}", "fuse", i) for i in range(4)]
    used = [
        SimpleNamespace(key="p1", photo="the same file elsewhere"),
        SimpleNamespace(key="another digest", photo="p2"),
    ]
    assert [d.photo for d in draw.exclude_photos(candidates, used)] == ["p0", "p3"]


def test_named_parts_come_first_and_positional_ones_fill_up():
    candidates = [make_candidate(f"p{i}", "distort", i) for i in range(20)]
    candidates += [make_candidate(f"q{i}", "distort", 20 + i, positional=True) for i in range(40)]
    chosen = draw.choose(candidates)
    named = sum(not d.variant.positional for d in chosen)
    assert len(chosen) == len({d.photo for d in chosen}) == COUNT
    assert named >= MIN_NAMED


def test_committed_sets_share_no_photo():
    drawing = draw.load()
    first, second = ({case.key for case in drawing.sets[name]} for name in SETS)
    assert first and second and not first & second


@pytest.mark.parametrize("name", SETS)
def test_committed_results_are_balanced_over_the_tools(name):
    rows = scores.load(name, "flaws").rows
    counts = Counter(row.tool for row in rows)
    assert len(rows) >= 100 and min(counts.values()) >= 24 and set(counts) == set(TOOLS)
    variants = {f"{c.key}-{v.id}" for c in draw.load().sets[name] for v in c.variants}
    assert {row.name for row in rows} <= variants
    assert len({row.sha256 for row in rows}) == len(rows)
    assert len(scores.load(name, "nulls").rows) >= 100
