from collections import Counter

from benchmarks.quality import cases
from benchmarks.quality.cases import Candidate, choose
from stages.records.documents import Scene
from stages.tools import TOOLS
from tests.benchmarks.quality.test_intended import make_variant
from training.data import is_held_out


def make_candidate(photo, tool="add", kernel="ring", part="eye"):
    variant = make_variant(tool, [1], [2]).model_copy(update={"kernel": kernel, "part_kind": part})
    return Candidate(photo, Scene(key="k", entities=[], windows=[], detector="d"), variant)


def test_committed_set_is_complete():
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


def test_part_of_the_set_has_as_many_mappings_of_each_tool():
    found = cases.load(per_tool=2)
    assert Counter(v.tool for case in found for v in case.variants) == dict.fromkeys(TOOLS, 2)
    assert len({case.photo for case in found}) > 2


def test_photos_of_the_shards_were_held_out():
    inside = [case.photo for case in cases.load() if ".tar/" in case.photo]
    assert inside
    assert all(is_held_out(photo.split("/")[1]) for photo in inside)


def test_choice_spreads_over_kernels_photos_and_origins():
    candidates = [make_candidate(f"p{i}", "distort", "jitter") for i in range(5)]
    candidates.append(make_candidate("train-0.tar/a.webp", "distort", "jitter"))
    candidates.append(make_candidate("p9", "distort", "swirl"))
    kept = choose(candidates, 3)
    assert {d.variant.kernel for d in kept} == {"jitter", "swirl"}
    assert "train-0.tar/a.webp" in {d.photo for d in kept}
    assert len({d.photo for d in kept}) == 3


def test_choice_stops_when_no_candidate_is_left():
    assert len(choose([make_candidate("p0")], 4)) == 1
