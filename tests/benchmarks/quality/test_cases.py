from collections import Counter

from benchmarks.quality import cases
from benchmarks.quality.cases import Drawn, choose
from stages.records.documents import TOOLS, Scene
from tests.benchmarks.quality.test_intended import variant
from training.data import is_held_out


def drawn(photo, tool="add", kernel="ring", part="eye"):
    made = variant(tool, [1], [2]).model_copy(update={"kernel": kernel, "part_kind": part})
    return Drawn(photo, Scene(key="k", entities=[], windows=[], detector="d"), made)


def test_the_written_set_is_whole():
    found = cases.load()
    variants = [v for case in found for v in case.variants]
    assert Counter(v.tool for v in variants) == dict.fromkeys(TOOLS, cases.COUNT)
    names = [f"{case.key}-{v.id}" for case in found for v in case.variants]
    assert len(set(names)) == len(names)
    for case in found:
        assert case.window.size == (found.side, found.side)
        tokens = case.window.grid[0] * case.window.grid[1]
        for v in case.variants:
            assert max(*v.targets, *v.references) < tokens
            assert (v.tool == "fuse") == (v.id in case.sides)


def test_photos_out_of_shards_were_held_out():
    inside = [case.photo for case in cases.load() if ".tar/" in case.photo]
    assert inside
    assert all(is_held_out(photo.split("/")[1]) for photo in inside)


def test_choice_spreads_over_kernels_photos_and_origins():
    offered = [drawn(f"p{i}", "distort", "jitter") for i in range(5)]
    offered += [drawn("train-0.tar/a.webp", "distort", "jitter"), drawn("p9", "distort", "swirl")]
    kept = choose(offered, 3)
    assert {d.variant.kernel for d in kept} == {"jitter", "swirl"}
    assert "train-0.tar/a.webp" in {d.photo for d in kept}
    assert len({d.photo for d in kept}) == 3


def test_choice_stops_where_nothing_is_left():
    assert len(choose([drawn("p0")], 4)) == 1
