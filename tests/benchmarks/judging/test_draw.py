from collections import Counter
from types import SimpleNamespace

import pytest

from benchmarks.judging import draw, scores
from benchmarks.judging.draw import COUNT, HALVES, NAMED
from stages.engine.record import TOOLS


def drawn(photo, tool, number, positional=False):
    variant = SimpleNamespace(
        id=f"v{number}", tool=tool, kernel="k", part_kind="p", positional=positional
    )
    return SimpleNamespace(photo=photo, scene=SimpleNamespace(key=photo), variant=variant)


def test_photos_with_the_same_tools_are_dealt_out_evenly():
    offered = [drawn(f"people{i}", tool, i) for i in range(6) for tool in TOOLS]
    offered += [drawn(f"thing{i}", tool, i) for i in range(5) for tool in ("distort", "fuse")]
    halves = draw.deal(offered)
    people = Counter(half for photo, half in halves.items() if photo.startswith("people"))
    assert set(people.values()) == {3}
    assert abs(Counter(halves.values())[HALVES[0]] - 5.5) == 0.5


def test_named_parts_come_first_and_the_rest_fills_up():
    offered = [drawn(f"p{i}", "distort", i) for i in range(20)]
    offered += [drawn(f"q{i}", "distort", 20 + i, positional=True) for i in range(40)]
    chosen = draw.choose(offered)
    named = sum(not d.variant.positional for d in chosen)
    assert len(chosen) == len({d.photo for d in chosen}) == COUNT
    assert named >= NAMED


def test_the_committed_halves_share_no_photo():
    drawing = draw.load()
    first, second = ({case.key for case in drawing.halves[half]} for half in HALVES)
    assert first and second and not first & second


@pytest.mark.parametrize("half", HALVES)
def test_the_committed_results_are_balanced_over_the_tools(half):
    rows = scores.load(half, "flaws").rows
    counts = Counter(row.tool for row in rows)
    assert len(rows) >= 100 and min(counts.values()) >= 24 and set(counts) == set(TOOLS)
    variants = {f"{c.key}-{v.id}" for c in draw.load().halves[half] for v in c.variants}
    assert {row.name for row in rows} <= variants
    assert len({row.sha256 for row in rows}) == len(rows)
    assert len(scores.load(half, "nulls").rows) >= 100
