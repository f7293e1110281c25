from datetime import UTC, datetime

import pytest

from benchmarks.judging import reviews, scores
from benchmarks.judging.draw import SETS
from benchmarks.judging.reviews import find_reason, make_reviews
from benchmarks.judging.verdicts import Verdict
from stages.filter.reviews import read_review
from stages.models.judge.features.calibration import MEASURES

TIME = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize("name", SETS)
def test_committed_reviews_say_what_the_verdicts_say(name):
    for rater, made in make_reviews(name, TIME).items():
        found, _ = read_review(reviews.FOLDER / f"{name}-{rater}.json")
        assert found.data_set == made.data_set and found.reviewer == rater
        marks = [mark.model_copy(update={"time": TIME}) for mark in found.marks]
        assert marks == sorted(made.marks, key=lambda mark: (mark.flaw, mark.pixels_sha256))


@pytest.mark.parametrize("name", SETS)
def test_every_flaw_has_pixels_of_its_own_and_all_measures(name):
    rows = scores.load(name, "flaws").rows
    assert len({row.sha256 for row in rows}) == len(rows)
    assert all(set(MEASURES) <= row.scores.keys() for row in rows)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"perceptible": False, "plausible": "no"}, "not_perceptible"),
        ({"inside": False}, "wrong_place"),
        ({"intended": False}, "not_intended"),
        ({"plausible": "no"}, "not_convincing"),
    ],
)
def test_the_reason_is_the_first_question_that_fails(changes, reason):
    facts = {"name": "a-v0", "id": 1, "perceptible": True, "inside": True, "intended": True,
             "plausible": "borderline"}  # fmt: skip
    verdict = Verdict.model_validate(facts | changes)
    assert find_reason(verdict) == reason and verdict.right is (reason == "")
