import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from flows.reviews import agreement
from flows.reviews.agreement import Share, compare_reviewers, compare_with_people, compute_kappa
from flows.reviews.judged import JudgedFlaw
from stages.filter.reviews import Opinion


def make_flaw(number, tool="add", kept=True):
    verdict = "ok" if kept else "not_convincing"
    return JudgedFlaw(f"{number:016x}-v0", tool, f"{number:064x}", verdict, "features", {})


def opinion(*, accept=(), reject=()):
    return Opinion(tuple(accept), tuple(reject), ())


YES, NO = opinion(accept=["anna"]), opinion(reject=["anna"])


def test_interval_is_wilsons():
    assert str(Share(9, 10)) == "90% (60% to 98%)"
    assert str(Share(0, 0)) == "none"


def test_precision_recall_and_kappa_are_counted_by_tool_and_for_all():
    flaws = [
        make_flaw(0), make_flaw(1), make_flaw(2, kept=False), make_flaw(3, kept=False),
        make_flaw(4, "fuse"), make_flaw(5), make_flaw(6),
    ]  # fmt: skip
    said = [YES, NO, YES, NO, NO, opinion(accept=["a"], reject=["b"])]
    opinions = {f"{n:064x}": o for n, o in enumerate(said)} | {"f" * 64: YES}
    found = {row.tool: row for row in compare_with_people(flaws, opinions)}
    assert list(found) == ["add", "fuse", "all"]  # a tie and a flaw without a mark do not count
    add, everything = found["add"], found["all"]
    assert (add.flaws, add.accepted, add.kept) == (4, 2, 2)
    assert (add.precision, add.recall) == (Share(1, 2), Share(1, 2)) and add.kappa.value == 0
    assert (everything.precision, everything.recall) == (Share(1, 3), Share(1, 2))
    assert found["fuse"].recall == Share(0, 0)
    assert compare_with_people(flaws, {}) == []


def test_kappa_agrees_with_the_library_and_lies_in_its_interval():
    rng = np.random.default_rng(0)
    first = rng.random(60) < 0.6
    second = np.where(rng.random(60) < 0.8, first, ~first)
    photos = [f"{n // 3}" for n in range(60)]
    found = compute_kappa(first, second, photos)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    low, high = found.interval
    assert -1 <= low < found.value < high <= 1
    table = np.zeros((1, 2, 2))
    np.add.at(table[0], (first.astype(int), second.astype(int)), 1)
    assert agreement._kappas(table)[0] == pytest.approx(found.value)


def test_kappa_of_one_answer_is_undefined():
    same = np.ones(4, bool)
    assert str(compute_kappa(same, same, list("abcd"))) == "undefined"


def test_kappa_of_one_photo_has_an_interval_of_a_point():
    found = compute_kappa(np.array([True, False]), np.array([True, False]), ["a", "a"])
    assert found.value == 1 and found.interval == (1, 1)


def test_reviewers_are_compared_on_what_both_marked():
    opinions = {
        "1": opinion(accept=["anna", "ben"]),
        "2": opinion(accept=["anna"], reject=["ben"]),
        "3": opinion(reject=["anna", "ben"]),
        "4": opinion(accept=["anna"]),
        "5": opinion(accept=["cid"]),
    }
    (pair,) = compare_reviewers(opinions, {})
    assert pair.reviewers == ("anna", "ben") and pair.same == Share(2, 3)
